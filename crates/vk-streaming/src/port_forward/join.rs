//! Two connections made one.

use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Connection;

/// How much is read at once.
const PIECE: usize = 32 * 1024;

/// How two joined connections came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// Both directions ended, each in its own time.
    Orderly,
    /// The pod broke off, or its server had ended and the client went on for too long.
    BrokenByPod,
    /// The client broke off.
    BrokenByClient,
}

/// Passes bytes both ways. Each direction ends on its own; what a client writes after the pod's server has ended has
/// `linger` to come to its end.
pub(super) async fn join(
    mut from_client: impl AsyncRead + Unpin,
    mut to_client: impl AsyncWrite + Unpin,
    connection: Box<dyn Connection>,
    linger: Duration,
) -> Parting {
    let (mut from_pod, mut to_pod) = tokio::io::split(connection);
    let mut up = pin!(async {
        let mut piece = vec![0; PIECE];
        loop {
            match from_client.read(&mut piece).await {
                Err(_) => return Some(Parting::BrokenByClient),
                // A server that takes no more may still have something to say.
                Ok(0) => {
                    drop(to_pod.shutdown().await);
                    return None;
                }
                // What encrypts keeps bytes back until it is told.
                Ok(bytes) if to_pod.write_all(&piece[..bytes]).await.is_err() || to_pod.flush().await.is_err() => {
                    return None;
                }
                Ok(_) => {}
            }
        }
    });
    let mut down = pin!(async {
        let mut piece = vec![0; PIECE];
        loop {
            match from_pod.read(&mut piece).await {
                Err(_) => return Some(Parting::BrokenByPod),
                Ok(0) => return to_client.shutdown().await.err().map(|_| Parting::BrokenByClient),
                Ok(bytes) if to_client.write_all(&piece[..bytes]).await.is_err() => {
                    return Some(Parting::BrokenByClient);
                }
                Ok(_) => {}
            }
        }
    });
    let broken = tokio::select! {
        biased;
        broken = &mut up => match broken {
            Some(broken) => Some(broken),
            None => down.await,
        },
        broken = &mut down => match broken {
            Some(broken) => Some(broken),
            None => match timeout(linger, up).await {
                Ok(broken) => broken,
                Err(_) => Some(Parting::BrokenByPod),
            },
        },
    };
    broken.unwrap_or(Parting::Orderly)
}

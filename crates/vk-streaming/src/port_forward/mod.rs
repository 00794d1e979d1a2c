//! Port-forward: any number of connections to the ports of a pod, carried by one from the client.

mod channels;
mod join;
mod pairs;
mod streams;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::settings::Settings;
use crate::upgrade::PortForwardProtocol;
use crate::web_socket::{Departure, Tunnel};

/// The most ports of one session over WebSocket channels: a text message can name no more channels.
pub const MOST_PORTS: usize = 32;

/// A connection to a port of the pod.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Connects to a port of the pod. An error is what the client is told, as it is. Bounding its time is up to the caller.
pub type Connect = Arc<dyn Fn(u16) -> BoxFuture<'static, Result<Box<dyn Connection>, String>> + Send + Sync>;

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client closed it or went, or all of its ports have ended.
    Closed,
    /// The client broke the protocol, or nothing moved for too long.
    Broken(String),
}

/// Serves one session. Dropped, it closes every connection that it has made.
///
/// `ports` are those of the request's query, of which there are at most [`MOST_PORTS`]; only WebSocket channels need them.
pub async fn serve<IO>(
    io: IO,
    protocol: PortForwardProtocol,
    ports: &[u16],
    settings: &Settings,
    connect: Connect,
) -> End
where
    IO: AsyncRead + AsyncWrite + Send,
{
    match protocol {
        PortForwardProtocol::Spdy => streams::serve(io, settings, &connect).await,
        PortForwardProtocol::Tunnel => streams::serve(Tunnel::new(Box::pin(io)).await, settings, &connect).await,
        PortForwardProtocol::Channels(encoding) => channels::serve(io, encoding, ports, settings, &connect).await,
    }
}

impl From<Departure> for End {
    fn from(departure: Departure) -> Self {
        match departure {
            Departure::Gone => Self::Closed,
            Departure::Broken(reason) => Self::Broken(reason),
        }
    }
}

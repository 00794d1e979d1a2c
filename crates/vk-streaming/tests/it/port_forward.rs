//! Port-forward by each of its ways.

mod channels;
mod streams;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use vk_streaming::Settings;
use vk_streaming::port_forward::{Connect, Connection};

/// Nothing listens on this port.
const CLOSED: u16 = 1;
/// What comes goes back, until the client has ended; then "bye".
const ECHO: u16 = 7;
/// Says "hello" and ends; what comes is read to its end.
const GREETER: u16 = 13;
/// Breaks off in the middle.
const BREAKER: u16 = 66;
/// Says nothing until the connection is closed.
const SILENT: u16 = 99;
/// Says nothing and reads nothing.
const STUCK: u16 = 100;
/// No connection is ever made, and none refused.
const UNANSWERED: u16 = 101;

fn settings() -> Settings {
    Settings { linger: Duration::from_secs(20), ..Settings::default() }
}

/// How many connections are open, or about to be.
#[derive(Clone, Default)]
struct Open(Arc<AtomicUsize>);

/// One of them.
struct Opened(Open);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Open {
    fn one(&self) -> Opened {
        self.0.fetch_add(1, Ordering::SeqCst);
        Opened(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    async fn until(&self, count: usize) {
        let wait = async {
            while self.count() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(waited.is_ok(), "{} connections are open instead of {count}", self.count());
    }
}

/// The pod.
fn pod(open: &Open) -> Connect {
    let open = open.clone();
    Arc::new(move |port| {
        let open = open.clone();
        async move {
            if port == CLOSED {
                return Err(format!("error forwarding port {port}: connection refused"));
            }
            let opened = open.one();
            if port == UNANSWERED {
                std::future::pending::<()>().await;
            }
            let (near, far) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                serve(port, far).await;
                drop(opened);
            });
            let near: Box<dyn Connection> = if port == BREAKER { Box::new(Breaking(near, 5)) } else { Box::new(near) };
            Ok(near)
        }
        .boxed()
    })
}

async fn serve(port: u16, stream: DuplexStream) {
    let (mut input, mut output) = tokio::io::split(stream);
    match port {
        ECHO => {
            drop(tokio::io::copy(&mut input, &mut output).await);
            drop(output.write_all(b"bye").await);
        }
        GREETER => {
            output.write_all(b"hello").await.unwrap();
            output.shutdown().await.unwrap();
            drop(input.read_to_end(&mut Vec::new()).await);
        }
        // That the other end has gone shows in writing.
        STUCK => {
            while output.write(&[]).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        BREAKER => drop(output.write_all(b"hello, this is cut").await),
        _ => drop(input.read_to_end(&mut Vec::new()).await),
    }
}

/// After so many bytes, reading fails as after a TCP reset.
struct Breaking(DuplexStream, u64);

impl AsyncRead for Breaking {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        if self.1 == 0 {
            return std::task::Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let left = self.1;
        let mut first = std::pin::pin!((&mut self.0).take(left));
        let before = into.filled().len();
        std::task::ready!(first.as_mut().poll_read(context, into))?;
        self.1 -= (into.filled().len() - before) as u64;
        std::task::Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(context)
    }
}

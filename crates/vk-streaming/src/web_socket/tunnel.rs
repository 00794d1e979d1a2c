//! [`Tunnel`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::config;

/// The longest message that is written.
const LONGEST_MESSAGE: usize = 32 * 1024;

/// A stream of bytes in the binary messages of a WebSocket; where one message ends and the next begins means nothing.
/// `shutdown` closes the WebSocket.
pub(crate) struct Tunnel<IO> {
    socket: WebSocketStream<IO>,
    unread: Bytes,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Tunnel<IO> {
    /// The server's end, over a connection that has been upgraded.
    pub(crate) async fn new(io: IO) -> Self {
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config())).await;
        Self { socket, unread: Bytes::new() }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Tunnel<IO> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a text message in a tunnel")));
                }
                // Pings and their answers, which the WebSocket sees to.
                Some(Ok(_)) => {}
                Some(Err(error)) if is_end(&error) => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let bytes = self.unread.len().min(into.remaining());
        into.put_slice(self.unread.get(..bytes).unwrap_or_default());
        self.unread.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tunnel<IO> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(io_error)?;
        let bytes = bytes.get(..LONGEST_MESSAGE).unwrap_or(bytes);
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        Pin::new(&mut self.socket).start_send(message).map_err(io_error)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(io_error)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.socket).poll_close(context)) {
            Err(error) if !is_end(&error) => Poll::Ready(Err(io_error(error))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// The peer went, with a farewell or without.
fn is_end(error: &Error) -> bool {
    matches!(
        error,
        Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing)
    )
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error if is_end(&error) => io::Error::new(io::ErrorKind::BrokenPipe, error),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

//! [`Stream`] and its halves.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use super::command::{Channels, Control, Data, Piece};
use super::send_window::{Ended, SendWindow};
use crate::frame::ResetStatus;
use crate::headers::Headers;
use crate::stream_id::StreamId;

/// One stream: bytes in both directions, each of which ends on its own.
///
/// `shutdown` ends the writing half (the peer reads to its end). A stream that is dropped before both directions have
/// ended is cancelled.
#[derive(Debug)]
pub struct Stream {
    receive: ReceiveHalf,
    send: SendHalf,
    reply: Option<oneshot::Receiver<Headers>>,
}

/// The reading half of a [`Stream`]. Dropped before its end, it lets what still comes go unread; the writing half goes on.
#[derive(Debug)]
pub struct ReceiveHalf {
    id: StreamId,
    channels: Channels,
    inbound: mpsc::UnboundedReceiver<Inbound>,
    piece: Bytes,
    /// Of the piece that is being read.
    piece_length: usize,
    end: Option<Result<(), ResetStatus>>,
}

/// The writing half of a [`Stream`]. What is written is on its way when `write` returns; `flush` waits for nothing.
/// Dropped without `shutdown`, it cancels the stream, unless [`SendHalf::finish_on_drop`] was called.
#[derive(Debug)]
pub struct SendHalf {
    id: StreamId,
    channels: Channels,
    window: SendWindow,
    /// What its end tells the peer if it comes before `shutdown`; `None` is the same as `shutdown`.
    unfinished: Option<ResetStatus>,
    finished: bool,
}

/// What the driver hands to a reader. The end of the channel without one of the last two is that of the connection.
#[derive(Debug)]
pub(super) enum Inbound {
    Data(Bytes),
    Fin,
    Reset(ResetStatus),
}

impl Stream {
    pub(super) fn new(
        id: StreamId,
        channels: &Channels,
        inbound: mpsc::UnboundedReceiver<Inbound>,
        window: SendWindow,
        reply: Option<oneshot::Receiver<Headers>>,
        unfinished: ResetStatus,
    ) -> Self {
        let receive =
            ReceiveHalf { id, channels: channels.clone(), inbound, piece: Bytes::new(), piece_length: 0, end: None };
        let send = SendHalf { id, channels: channels.clone(), window, unfinished: Some(unfinished), finished: false };
        Self { receive, send, reply }
    }

    /// It was taken: from now on its drop cancels it.
    pub(super) fn taken(mut self) -> Self {
        self.send.unfinished = Some(ResetStatus::Cancel);
        self
    }

    /// Its number.
    pub fn id(&self) -> StreamId {
        self.receive.id
    }

    /// Waits for the headers with which the peer took the stream that was opened here.
    ///
    /// # Errors
    /// `ConnectionRefused` if the peer refused it, `ConnectionAborted` if the connection ended first. `Unsupported` if it was
    /// asked before, or the peer opened the stream.
    pub async fn reply(&mut self) -> io::Result<Headers> {
        let Some(reply) = self.reply.take() else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "no reply is to be waited for"));
        };
        reply.await.map_err(|_| match self.send.window.ended() {
            Some(Ended { reset: Some(status) }) => {
                io::Error::new(io::ErrorKind::ConnectionRefused, format!("the stream was refused: {status:?}"))
            }
            _ => aborted(),
        })
    }

    /// Ends both directions at once and tells the peer why.
    pub fn reset(self, status: ResetStatus) {
        self.send.reset(status);
    }

    /// From now on its drop is not a cancellation: our direction ends as if it had been shut down, and what the peer still
    /// sends goes unread.
    pub fn finish_on_drop(&mut self) {
        self.send.finish_on_drop();
    }

    /// Waits until the stream is over, whether it is read and written meanwhile or not. `Some` if the peer has reset it, `None` if
    /// both directions have ended, or the connection has. Reading may still give what came before.
    pub fn closed(&self) -> impl Future<Output = Option<ResetStatus>> + Send + use<> {
        let closed = self.send.window.closed();
        async move { closed.await.reset }
    }

    /// Both halves, each to be used and dropped on its own.
    pub fn into_split(self) -> (ReceiveHalf, SendHalf) {
        (self.receive, self.send)
    }
}

impl ReceiveHalf {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.piece.is_empty() && self.end.is_none() {
            match ready!(self.inbound.poll_recv(context)) {
                Some(Inbound::Data(piece)) => (self.piece_length, self.piece) = (piece.len(), piece),
                Some(Inbound::Fin) => self.end = Some(Ok(())),
                Some(Inbound::Reset(status)) => self.end = Some(Err(status)),
                None => return Poll::Ready(Err(aborted())),
            }
        }
        match self.end {
            Some(Err(status)) if self.piece.is_empty() => Poll::Ready(Err(was_reset(status))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for ReceiveHalf {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_piece(context))?;
        let bytes = self.piece.len().min(into.remaining());
        into.put_slice(&self.piece[..bytes]);
        self.piece.advance(bytes);
        if self.piece.is_empty() && self.piece_length > 0 {
            let bytes = std::mem::take(&mut self.piece_length);
            self.channels.tell(Control::Consumed { id: self.id, bytes });
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for ReceiveHalf {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.channels.tell(Control::Discard { id: self.id });
        }
    }
}

impl SendHalf {
    /// Ends both directions at once and tells the peer why.
    pub fn reset(mut self, status: ResetStatus) {
        self.finished = true;
        self.channels.tell(Control::Reset { id: self.id, status });
    }

    /// The same once everything that was written has gone out.
    pub fn reset_after_writes(mut self, status: ResetStatus) {
        self.finished = true;
        // After the connection has ended there is nobody to tell.
        drop(self.send(Piece::Reset(status)));
    }

    /// From now on its drop is not a cancellation but the end of what is written, as `shutdown` is.
    pub fn finish_on_drop(&mut self) {
        self.unfinished = None;
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        self.channels.data.send(Data { id: self.id, piece }).map_err(|_| aborted())
    }
}

impl AsyncWrite for SendHalf {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.finished {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "the stream was shut down")));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let allowed = ready!(self.window.poll_allowance(context, bytes.len())).map_err(broken)?;
        self.window.spend(allowed);
        self.send(Piece::Bytes(Bytes::copy_from_slice(&bytes[..allowed])))?;
        Poll::Ready(Ok(allowed))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.window.ended().filter(|_| !self.finished).map_or(Ok(()), |ended| Err(broken(ended))))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.finished {
            return Poll::Ready(Ok(()));
        }
        if let Some(ended) = self.window.ended() {
            return Poll::Ready(Err(broken(ended)));
        }
        self.send(Piece::Fin)?;
        self.finished = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for SendHalf {
    fn drop(&mut self) {
        if self.finished || self.window.ended().is_some() {
            return;
        }
        match self.unfinished {
            Some(status) => self.channels.tell(Control::Reset { id: self.id, status }),
            // After the connection has ended there is nobody to tell.
            None => drop(self.send(Piece::Fin)),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.receive).poll_read(context, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.send).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.send).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.send).poll_shutdown(context)
    }
}

fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection has ended")
}

fn was_reset(status: ResetStatus) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, format!("the stream was reset: {status:?}"))
}

fn broken(ended: Ended) -> io::Error {
    ended.reset.map_or_else(aborted, was_reset)
}

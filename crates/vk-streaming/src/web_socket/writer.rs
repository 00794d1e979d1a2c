//! [`ChannelWriter`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use super::Packet;

/// The longest payload of one message.
const LONGEST_PAYLOAD: usize = 32 * 1024;

/// Writes one channel. Messages go into the session's queue; a full one makes the writer wait.
pub(crate) struct ChannelWriter {
    channel: u8,
    queue: PollSender<Packet>,
}

impl ChannelWriter {
    pub(crate) fn new(channel: u8, queue: mpsc::Sender<Packet>) -> Self {
        Self { channel, queue: PollSender::new(queue) }
    }
}

impl AsyncWrite for ChannelWriter {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.queue.poll_reserve(context)).map_err(|_| gone())?;
        let length = bytes.len().min(LONGEST_PAYLOAD);
        let payload = Bytes::copy_from_slice(bytes.get(..length).unwrap_or_default());
        let channel = self.channel;
        self.queue.send_item(Packet { channel, payload }).map_err(|_| gone())?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.queue.close();
        Poll::Ready(Ok(()))
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the session has ended")
}

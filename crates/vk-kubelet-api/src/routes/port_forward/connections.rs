//! [`ForwardedConnections`]: how many there may be.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vk_provider::BoxDuplex;

use crate::limits::Limits;

/// The connections to ports of pods that the sessions of all clients have, or are about to have. Each is a file of this process,
/// and work of the back end.
#[derive(Clone)]
pub(crate) struct ForwardedConnections {
    places: Arc<Semaphore>,
    limit: usize,
}

/// A connection, and its place.
pub(super) struct Placed {
    connection: BoxDuplex,
    _place: OwnedSemaphorePermit,
}

impl ForwardedConnections {
    pub(crate) fn new(limits: &Limits) -> Self {
        let limit = limits.forwarded_connections;
        Self { places: Arc::new(Semaphore::new(limit)), limit }
    }

    /// A place for one more; given back when dropped.
    ///
    /// # Errors
    /// With the limit, if it has been reached.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, String> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            tracing::warn!(limit = self.limit, "too many connections are forwarded to pods");
            format!("the node has reached its limit of {} forwarded connections", self.limit)
        })
    }
}

impl Placed {
    pub(super) fn new(connection: BoxDuplex, place: OwnedSemaphorePermit) -> Self {
        Self { connection, _place: place }
    }
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, into)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

//! [`Session`].

use tokio::sync::{mpsc, oneshot};

use super::command::{Channels, Control, Data};
use super::stream::Stream;
use crate::frame::Priority;
use crate::headers::Headers;

/// Opens streams on a connection. Clones are the same session.
#[derive(Debug, Clone)]
pub struct Session {
    channels: Channels,
}

/// Why a stream could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The connection has ended.
    #[error("the connection has ended")]
    Ended,
    /// The connection is being closed, by either side.
    #[error("the connection takes no more streams")]
    Closing,
    /// The peer has said how many streams it takes at once, and so many are open.
    #[error("the peer takes no more than {0} streams at once")]
    TooMany(u32),
    /// All numbers are used up: a new connection is needed.
    #[error("all stream numbers of this connection are used up")]
    NoNumbers,
    /// The headers cannot be written.
    #[error(transparent)]
    Headers(#[from] crate::error::EncodeError),
}

impl Session {
    pub(super) fn new(data: mpsc::UnboundedSender<Data>, control: mpsc::UnboundedSender<Control>) -> Self {
        Self { channels: Channels { data, control } }
    }

    pub(super) fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Opens a stream. It can be written to at once; [`Stream::reply`] waits for the peer's answer.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(&self, headers: Headers) -> Result<Stream, OpenError> {
        self.open_with_priority(headers, Priority::default()).await
    }

    /// Opens a stream of this priority.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with_priority(&self, headers: Headers, priority: Priority) -> Result<Stream, OpenError> {
        let (opened, stream) = oneshot::channel();
        self.channels.tell(Control::Open { headers, priority, opened });
        stream.await.unwrap_or(Err(OpenError::Ended))
    }

    /// Takes and opens no more streams. The connection ends once those that are open have ended; those of which only the
    /// peer's direction is left, and nobody here reads it, are waited for no longer than [`Settings::linger`] says.
    ///
    /// [`Settings::linger`]: super::Settings::linger
    pub fn close(&self) {
        self.channels.tell(Control::Close);
    }
}

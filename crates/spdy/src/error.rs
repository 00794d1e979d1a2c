//! What can go wrong with bytes, frames and connections.

use std::io;

use crate::frame::GoAwayStatus;

/// Bytes that are no SPDY/3.1, or more than the limits allow. The connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A control frame of another version of the protocol.
    #[error("SPDY version {0}; this is version 3")]
    Version(u16),
    /// A control frame beyond [`Limits::control_frame`](crate::Limits::control_frame).
    #[error("a control frame of {length} bytes; at most {limit} are read")]
    ControlFrame {
        /// What the frame says it has.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A frame whose length does not fit its kind.
    #[error("a {0} frame of the wrong length")]
    Length(&'static str),
    /// A frame for stream 0.
    #[error("a {0} frame without a stream")]
    NoStream(&'static str),
    /// Headers beyond [`Limits::header_bytes`](crate::Limits::header_bytes).
    #[error("headers of more than {0} bytes after inflation")]
    HeaderBytes(usize),
    /// More names than [`Limits::header_count`](crate::Limits::header_count).
    #[error("{count} headers; at most {limit} are read")]
    HeaderCount {
        /// What the block says it has.
        count: usize,
        /// What is allowed.
        limit: usize,
    },
    /// Headers that are not what zlib writes.
    #[error("headers that cannot be inflated")]
    Inflate,
    /// A header block whose lengths do not add up, a name that is empty, not lower case or twice there, or a value that is
    /// not UTF-8.
    #[error("a malformed header block: {0}")]
    Headers(&'static str),
    /// More settings than [`Limits::settings`](crate::Limits::settings).
    #[error("{count} settings; at most {limit} are read")]
    Settings {
        /// What the frame says it has.
        count: usize,
        /// What is allowed.
        limit: usize,
    },
}

/// A frame that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A control frame that would not fit the 24 bits of its length.
    #[error("a control frame of {0} bytes is longer than the protocol allows")]
    TooLong(usize),
    /// A header that no peer would take; see [`Headers`](crate::Headers).
    #[error("header {0:?} is empty, not lower case, or has a NUL in its name")]
    Header(String),
    /// zlib refused to work.
    #[error("headers that cannot be deflated")]
    Deflate,
}

/// Why a connection ended before its streams had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The transport failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The peer wrote what is no SPDY/3.1, or too much of it.
    #[error("the peer wrote {0}")]
    Decode(#[from] DecodeError),
    /// One of our own frames could not be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The peer broke a rule of the protocol.
    #[error("the peer {0}")]
    Protocol(&'static str),
    /// Nothing but pings for [`Settings::idle_timeout`](crate::Settings::idle_timeout), or a peer that read nothing.
    #[error("no stream was used for too long")]
    Idle,
}

impl ConnectionError {
    /// What a last GOAWAY tells the peer.
    pub(crate) fn status(&self) -> GoAwayStatus {
        match self {
            Self::Decode(_) | Self::Protocol(_) => GoAwayStatus::ProtocolError,
            Self::Io(_) | Self::Encode(_) => GoAwayStatus::InternalError,
            Self::Idle => GoAwayStatus::Ok,
        }
    }
}

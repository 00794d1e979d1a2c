//! The streams of an interactive session, and connections.

use std::fmt;

use futures::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a client has of a process. What it did not ask for is `None`.
#[derive(Default)]
#[non_exhaustive]
pub struct Streams {
    /// What the client types. Its end is the end of the process's stdin.
    pub stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Where stdout goes. A client that reads slowly makes the writer wait.
    pub stdout: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Where stderr goes; `None` with a terminal.
    pub stderr: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// The sizes of the client's terminal, as they change.
    pub resizes: Option<BoxStream<'static, TerminalSize>>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("stdin", &self.stdin.is_some())
            .field("stdout", &self.stdout.is_some())
            .field("stderr", &self.stderr.is_some())
            .field("resizes", &self.resizes.is_some())
            .finish()
    }
}

/// A connection: bytes in both directions, each of which ends on its own.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Any [`Duplex`].
pub type BoxDuplex = Box<dyn Duplex>;

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this code; a signal is 128 and its number.
    Code(i32),
    /// The back end cannot tell.
    Unknown,
}

//! The multiplexer.

mod command;
mod driver;
mod entry;
mod incoming;
mod send_window;
mod session;
mod stream;

use std::time::Duration;

use driver::Driver;
pub use incoming::{Incoming, Request};
pub use session::{OpenError, Session};
pub use stream::{ReceiveHalf, SendHalf, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::error::ConnectionError;
use crate::limits::Limits;

/// Which side of the connection this is: it decides whose numbers streams and pings get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Opened the connection.
    Client,
    /// Took it.
    Server,
}

/// Whether the peer's windows bind what is sent.
///
/// Some peers never send a WINDOW_UPDATE and take whatever comes, Go's `spdystream` among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowControl {
    /// They bind from the moment on at which the peer shows, by a WINDOW_UPDATE or an initial window, that it has them.
    #[default]
    Detect,
    /// They always bind, as the protocol says: a peer that knows no windows gets 64 KiB of a stream and no more.
    Enforce,
}

/// How a connection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What the peer may make this side hold.
    pub limits: Limits,
    /// Whether the peer's windows bind.
    pub flow_control: FlowControl,
    /// Received bytes of one stream that wait for their reader, and 96 for each piece that they came in; beyond them the whole
    /// connection is read no further until some are taken. At least 64 KiB, the window that peers are told.
    pub stream_buffer: usize,
    /// The same for all streams together. With less than 64 KiB for each stream, a peer that keeps to windows may be read no
    /// further for the streams that nobody reads, and its leave to send more not be seen.
    pub connection_buffer: usize,
    /// A ping goes out this often, so that nothing on the way takes the connection for dead; whether it is answered does not
    /// matter. `None` sends none.
    pub ping_interval: Option<Duration>,
    /// The connection ends after this long in which no frame of a stream came, and the transport took nothing of one. `None`
    /// keeps it, also when its peer never reads.
    pub idle_timeout: Option<Duration>,
    /// Once this side has closed, has nothing more to say and reads no more streams, the peer may take its time to read, and
    /// ends the transport itself. It is left when nothing at all, not even a ping, comes from it for this long.
    pub linger: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            flow_control: FlowControl::Detect,
            stream_buffer: 256 * 1024,
            connection_buffer: 64 * 1024 * 1024,
            ping_interval: None,
            idle_timeout: None,
            linger: Duration::from_secs(5),
        }
    }
}

/// How a connection ended in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// [`Session::close`] was called, and every stream has ended or the peer was silent for too long; or nobody here holds
    /// anything of it any more.
    Closed,
    /// The peer ended the transport.
    PeerClosed {
        /// Streams that were still open.
        open_streams: usize,
    },
}

/// A connection. Nothing happens on it but in [`Connection::run`].
pub struct Connection<IO> {
    io: IO,
    driver: Driver,
}

impl<IO: AsyncRead + AsyncWrite> Connection<IO> {
    /// A connection over `io`, on which nothing has been read or written yet.
    ///
    /// The session opens streams, [`Incoming`] gives those of the peer.
    pub fn new(io: IO, role: Role, settings: Settings) -> (Session, Incoming, Self) {
        let (data, data_seen) = mpsc::unbounded_channel();
        let (control, control_seen) = mpsc::unbounded_channel();
        let (requests, requests_seen) = mpsc::channel(settings.limits.streams.max(1));
        let session = Session::new(data, control.clone());
        let driver = Driver::new(role, settings, session.channels().downgrade(), data_seen, control_seen, requests);
        (session.clone(), Incoming::new(requests_seen, session), Self { io, driver })
    }

    /// Reads and writes until the connection has ended; its streams end with it.
    ///
    /// # Errors
    /// [`ConnectionError`] if it ended before its time.
    pub async fn run(self) -> Result<End, ConnectionError> {
        self.driver.run(self.io).await
    }
}

//! [`Settings`].

use std::time::Duration;

use spdy::Limits;

/// Bytes of the headers with which a stream is opened: its type, a port, the id of a request.
const STREAM_HEADER_BYTES: usize = 4 * 1024;

/// What may wait for the readers of all streams of a connection together.
const UNREAD: usize = 4 * 1024 * 1024;

/// The bounds of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The client has this long to open all of its streams.
    pub creation_timeout: Duration,
    /// A session ends after this long in which the client sent nothing on its streams, and took nothing of what is for it. This
    /// also bounds how long it may pause before it reads what is left after the command's end.
    pub idle_timeout: Duration,
    /// A client that has been sent everything ends the connection itself; it is left when nothing at all, not even a ping,
    /// comes from it for this long.
    pub linger: Duration,
    /// A ping goes out this often, so that nothing on the way takes a silent session for a dead one. Whether it is answered
    /// does not matter: a client that has vanished is the transport's to find.
    pub ping_interval: Duration,
}

impl Default for Settings {
    /// As a kubelet: 30 s to begin, 4 h of silence.
    fn default() -> Self {
        Self {
            creation_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(4 * 60 * 60),
            linger: Duration::from_secs(60),
            ping_interval: Duration::from_secs(15),
        }
    }
}

impl Settings {
    /// Of the SPDY connection under a session, on which the client may have so many streams open at once.
    pub(crate) fn spdy(&self, streams: usize) -> spdy::Settings {
        spdy::Settings {
            limits: Limits { streams, header_bytes: STREAM_HEADER_BYTES, ..Limits::default() },
            connection_buffer: UNREAD,
            ping_interval: Some(self.ping_interval),
            idle_timeout: Some(self.idle_timeout),
            linger: self.linger,
            ..spdy::Settings::default()
        }
    }
}

//! [`Settings`].

use std::time::Duration;

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

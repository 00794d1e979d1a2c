//! [`Settings`].

use std::time::Duration;

/// The bounds of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The client has this long to open all of its streams.
    pub creation_timeout: Duration,
    /// A session in which nothing moves for this long ends.
    pub idle_timeout: Duration,
    /// The client has this long to read what is left after the command's end.
    pub linger: Duration,
    /// How often a silent client is asked whether it is there.
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

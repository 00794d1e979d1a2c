//! [`Limits`].

/// How much a peer may make this side hold. What goes beyond ends the connection with an error that names the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a control frame, without its eight bytes of head. Data frames may be as long as the protocol allows: they
    /// are handed on in pieces as they come.
    pub control_frame: usize,
    /// Bytes of one frame's headers after inflation.
    pub header_bytes: usize,
    /// Names in one frame's headers.
    pub header_count: usize,
    /// Settings in one frame.
    pub settings: usize,
    /// Streams that the peer may have open at once; one more is refused, and the connection goes on.
    pub streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { control_frame: 64 * 1024, header_bytes: 64 * 1024, header_count: 128, settings: 64, streams: 1024 }
    }
}

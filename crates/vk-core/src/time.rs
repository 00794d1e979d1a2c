//! The two clocks that decisions are given: neither is ever read here.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One reading of both clocks.
///
/// Delays and deadlines are counted on `mono`, which never jumps; `wall` is what is written into objects and may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Now {
    /// Time since the agent started.
    pub mono: Duration,
    /// Wall-clock time.
    pub wall: Timestamp,
}

/// The timestamp as Kubernetes writes `metav1.Time`: RFC 3339 in whole seconds.
pub fn whole_seconds(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp)
}

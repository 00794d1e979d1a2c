//! Wall-clock time, which comes in from outside (invariant 13).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

/// Reads the wall clock: certificates are valid by it, and `sinceSeconds` counts back from it.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl WallClock {
    /// A clock that this function reads.
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// The same as rustls counts it; `None` before 1970.
    pub(crate) fn unix_time(&self) -> Option<UnixTime> {
        let since_epoch = Duration::try_from(self.now().as_duration()).ok()?;
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        self.unix_time()
    }
}

//! [`EngineEnv`]: what the engine is given of the outside world.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;
use vk_core::Now;

type Clock = dyn Fn() -> Timestamp + Send + Sync;
type Spawn = dyn Fn(BoxFuture<'static, ()>) + Send + Sync;

/// Wall time and an executor (invariant 13). Monotonic time is tokio's, which tests can pause.
#[derive(Clone)]
pub struct EngineEnv {
    wall_clock: Arc<Clock>,
    spawner: Arc<Spawn>,
    started: Instant,
}

impl EngineEnv {
    /// An environment whose monotonic clock starts now.
    pub fn new(
        wall_clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        spawner: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static,
    ) -> Self {
        Self { wall_clock: Arc::new(wall_clock), spawner: Arc::new(spawner), started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        Now { mono: self.started.elapsed(), wall: (self.wall_clock)() }
    }

    /// The instant of tokio's clock that a reading of the monotonic clock means.
    pub(crate) fn instant(&self, mono: Duration) -> Instant {
        self.started + mono
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        (self.spawner)(Box::pin(future));
    }
}

impl fmt::Debug for EngineEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineEnv").field("started", &self.started).finish_non_exhaustive()
    }
}

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

    /// Waits until the monotonic clock reads this; for ever if no clock will (a grace period may be any number of seconds).
    pub(crate) async fn sleep_until(&self, mono: Duration) {
        match self.started.checked_add(mono) {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_moment_beyond_every_clock_is_waited_for_and_never_comes() {
        let env = EngineEnv::new(|| Timestamp::UNIX_EPOCH, drop);
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, env.sleep_until(Duration::MAX)).await.is_err());
        assert!(tokio::time::timeout(day, env.sleep_until(Duration::from_secs(60))).await.is_ok());
    }
}

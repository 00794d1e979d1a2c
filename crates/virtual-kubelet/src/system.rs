//! The real world's clock and executor, as the controllers' environment wants them.

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use vk_controller::env::{Spawner, WallClock};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Spawns on a tokio runtime. Everything that it spawned is dropped when it is.
#[derive(Debug)]
pub struct ScopedSpawner {
    runtime: Handle,
    tasks: TaskTracker,
    ended: CancellationToken,
    _guard: DropGuard,
}

impl ScopedSpawner {
    /// Spawns on this runtime.
    pub fn new(runtime: Handle) -> Self {
        let ended = CancellationToken::new();
        Self { runtime, tasks: TaskTracker::new(), _guard: ended.clone().drop_guard(), ended }
    }

    /// Drops everything that is still running, as if the process had been killed.
    pub fn kill(&self) {
        self.ended.cancel();
    }
}

impl Spawner for ScopedSpawner {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        let ended = self.ended.clone();
        let scoped = async move {
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = future => tracing::trace!(name, "ended"),
            }
        };
        self.tasks.spawn_on(scoped, &self.runtime);
    }
}

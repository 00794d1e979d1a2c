//! The heartbeat's thread, with a runtime of its own: no provider and no burst of pods can hold it up.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use vk_controller::env::Spawner;

use crate::system::ScopedSpawner;

/// A thread that runs heartbeats until it is dropped.
pub(crate) struct Heartbeat {
    spawner: Arc<ScopedSpawner>,
    _stop: DropGuard,
}

impl Heartbeat {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle: Handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
            runtime.block_on(stopped.cancelled());
            runtime.shutdown_background();
        })?;
        Ok(Self { spawner: Arc::new(ScopedSpawner::new(handle)), _stop: stop.drop_guard() })
    }

    pub(crate) fn spawner(&self) -> Arc<dyn Spawner> {
        self.spawner.clone()
    }
}

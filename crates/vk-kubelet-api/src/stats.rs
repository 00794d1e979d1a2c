//! What pods use, asked of the provider on behalf of all clients together.
//!
//! Scrapers come in numbers and at any interval, and a back end may have one request to make for every container. So there is
//! one question to the provider at a time; whoever comes meanwhile, or soon after, gets the same answer.

mod completion;
pub(crate) mod container_metrics;
pub(crate) mod resource_metrics;
mod summary;
mod view;

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use vk_core::{Error, Result};
use vk_provider::{Stats, StatsRequest};

use crate::clock::WallClock;
use crate::limits::Limits;
use completion::Memory;
pub(crate) use summary::{Detail, document};
use view::NodeView;
pub(crate) use view::Snapshot;

/// Asks a provider, completes what it says and remembers it for a while.
pub(crate) struct StatsReader {
    provider: Option<Arc<dyn Stats>>,
    clock: WallClock,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    newest: Option<Newest>,
}

/// The newest answer.
struct Newest {
    asked_at: Instant,
    /// Whether it may lack all but processor and memory.
    only_cpu_and_memory: bool,
    snapshot: Arc<Snapshot>,
}

impl StatsReader {
    pub(crate) fn new(provider: Option<Arc<dyn Stats>>, clock: WallClock, limits: Limits) -> Self {
        Self { provider, clock, limits, state: Mutex::default() }
    }

    /// The figures as they were a moment ago. A provider without statistics has no pods that use anything.
    ///
    /// # Errors
    /// The provider's, or [`vk_core::ErrorKind::Unavailable`] if it does not answer in time.
    pub(crate) async fn read(&self, request: StatsRequest) -> Result<Arc<Snapshot>> {
        let Some(provider) = &self.provider else {
            return Ok(Arc::new(Snapshot { node: NodeView::unknown(), pods: Vec::new() }));
        };
        let late = |_| Error::unavailable("the back end did not say in time what its pods use");
        timeout(self.limits.backend_timeout, self.ask(&**provider, request)).await.map_err(late)?
    }

    async fn ask(&self, provider: &dyn Stats, request: StatsRequest) -> Result<Arc<Snapshot>> {
        let mut state = self.state.lock().await;
        if let Some(newest) = &state.newest
            && newest.asked_at.elapsed() < self.limits.stats_max_age
            && (request.only_cpu_and_memory || !newest.only_cpu_and_memory)
        {
            return Ok(newest.snapshot.clone());
        }
        let asked_at = Instant::now();
        let reply = provider.stats(request).await?;
        let snapshot = Arc::new(state.memory.complete(reply, self.clock.now()));
        let only_cpu_and_memory = request.only_cpu_and_memory;
        state.newest = Some(Newest { asked_at, only_cpu_and_memory, snapshot: snapshot.clone() });
        Ok(snapshot)
    }
}

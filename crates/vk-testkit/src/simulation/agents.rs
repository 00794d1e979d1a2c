//! The agents of a run: there is room for two, and each can be started, stopped and killed at any moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use virtual_kubelet::core::node::lease::LeaseState;

use super::action::{Instance, Slot};
use crate::world::{AgentInstance, AgentSettings, World};

/// Who told an agent to end kills it after this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The life of one agent, on the back end's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) began: Duration,
    /// When it won the lease: before that it sees no pod.
    pub(super) won: Option<Duration>,
    pub(super) ended: Option<Duration>,
}

pub(super) struct Agents {
    world: Arc<World>,
    living: BTreeMap<Slot, Living>,
    offsets: BTreeMap<Slot, Arc<AtomicI64>>,
    spans: Arc<Mutex<Vec<Span>>>,
}

struct Living {
    kill: CancellationToken,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Agents {
    pub(super) fn new(world: Arc<World>) -> Self {
        let offsets = Slot::BOTH.into_iter().map(|slot| (slot, Arc::default())).collect();
        Self { world, living: BTreeMap::new(), offsets, spans: Arc::default() }
    }

    /// Starts an agent unless one lives there.
    pub(super) fn start(&mut self, slot: Slot, instance: Instance) {
        if self.lives(slot) {
            return;
        }
        let offset = self.offsets.get(&slot).cloned().unwrap_or_default();
        let instance = match instance {
            Instance::Same => None,
            Instance::Other => Some("another-instance".to_owned()),
        };
        let settings = AgentSettings { instance, clock_offset: offset, ..AgentSettings::default() };
        let (kill, stop) = (CancellationToken::new(), CancellationToken::new());
        let life = live(self.world.clone(), settings, kill.clone(), stop.clone(), self.spans.clone());
        self.living.insert(slot, Living { kill, stop, task: tokio::spawn(life) });
    }

    pub(super) fn lives(&self, slot: Slot) -> bool {
        self.living.get(&slot).is_some_and(|living| !living.task.is_finished())
    }

    /// Ends it at this very moment.
    pub(super) async fn kill(&mut self, slot: Slot) {
        if let Some(living) = self.living.remove(&slot) {
            living.kill.cancel();
            // It panics only if the agent did, which is told there.
            drop(living.task.await);
        }
    }

    /// Asks it to end.
    pub(super) fn stop(&self, slot: Slot) {
        if let Some(living) = self.living.get(&slot) {
            living.stop.cancel();
        }
    }

    pub(super) fn set_clock(&self, slot: Slot, seconds: i64) {
        if let Some(offset) = self.offsets.get(&slot) {
            offset.store(seconds, Ordering::Relaxed);
        }
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        self.spans.lock().clone()
    }
}

async fn live(
    world: Arc<World>,
    settings: AgentSettings,
    kill: CancellationToken,
    stop: CancellationToken,
    spans: Arc<Mutex<Vec<Span>>>,
) {
    let number = {
        let mut spans = spans.lock();
        spans.push(Span { began: world.backend().now(), won: None, ended: None });
        spans.len() - 1
    };
    tokio::select! {
        biased;
        // Dropped, the agent is killed, started or not.
        () = kill.cancelled() => {}
        () = live_and_end(&world, settings, stop, &spans, number) => {}
    }
    if let Some(span) = spans.lock().get_mut(number) {
        span.ended = Some(world.backend().now());
    }
}

async fn live_and_end(
    world: &World,
    settings: AgentSettings,
    stop: CancellationToken,
    spans: &Mutex<Vec<Span>>,
    number: usize,
) {
    let agent = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        agent = world.try_start_agent(settings) => agent,
    };
    let Some(agent) = agent else { return };
    if let Some(span) = spans.lock().get_mut(number) {
        span.won = Some(world.backend().now());
    }
    let mut report = agent.lease().report();
    tokio::select! {
        biased;
        // Another agent holds the node: this one has no business here any more.
        _ = report.wait_for(|report| matches!(report.state, LeaseState::Refused(_))) => {}
        () = stop.cancelled() => {}
    }
    stop_in_time(agent).await;
}

async fn stop_in_time(agent: AgentInstance) {
    // An error means that it was killed.
    drop(tokio::time::timeout(PATIENCE, agent.stop()).await);
}

//! An agent that can be stopped as a process ends, or killed as one is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use virtual_kubelet::ScopedSpawner;
use virtual_kubelet::controller::env::{Env, Random, WallClock};
use virtual_kubelet::controller::events::EventRecorder;
use virtual_kubelet::controller::node::{
    LeaseHandle, LeaseKeeper, NodeController, NodeHandle, NodeSettings, SharedClient,
};
use virtual_kubelet::controller::pod::{PodClients, PodController, PodDirectory, PodParts, PodSettings};
use virtual_kubelet::controller::references::References;
use virtual_kubelet::core::node::lease::{LeaseHolder, LeaseState};
use virtual_kubelet::core::node::{AgentFacts, Identity, KubeletVersion, NodeAddress, NodeName, OutagePolicy};
use virtual_kubelet::core::orphan::OrphanReport;
use virtual_kubelet::kube::Client;
use virtual_kubelet::provider::layer::TimeoutsLayer;
use virtual_kubelet::provider::{BoxNodeProvider, BoxProvider};

use super::Ring;
use crate::backend::{Backend, SimulatedProvider};
use crate::interposer::Interposition;

/// Every agent of a world is the same one, come back, unless its settings say otherwise.
const INSTANCE: &str = "test-instance";

/// Hung calls end as they do in the real agent.
const TIMEOUTS: TimeoutsLayer = TimeoutsLayer { write: Duration::from_secs(120), read: Duration::from_secs(30) };

/// Watches for references that one agent may hold.
const MOST_WATCHES: usize = 100;

/// How one process reaches the API server.
#[derive(Clone)]
pub struct AgentClients {
    /// Makes a client.
    pub make: Arc<dyn Fn() -> Client + Send + Sync>,
    /// Cuts every client that was made: a dead process sends nothing.
    pub cut: Arc<dyn Fn() + Send + Sync>,
}

/// What may differ from agent to agent of one world.
#[derive(Debug, Clone, Default)]
pub struct AgentSettings {
    /// What it calls itself in the node's lease; by default every agent is the same one, come back.
    pub instance: Option<String>,
    /// By so many seconds its wall clock is ahead of the world's; it may be changed while the agent lives.
    pub clock_offset: Arc<AtomicI64>,
    /// How pods are handled.
    pub pods: PodSettings,
    /// How the Node is kept.
    pub node: NodeSettings,
    /// What becomes of the Node while the back end does not answer.
    pub outage_policy: OutagePolicy,
}

/// The three ends of an agent, in their order.
#[derive(Default)]
struct Shutdown {
    pods: CancellationToken,
    node: CancellationToken,
    lease: CancellationToken,
}

/// What dies with a process. Dropped, it is killed.
struct Process {
    spawner: Arc<ScopedSpawner>,
    clients: AgentClients,
    provider: SimulatedProvider,
}

impl Drop for Process {
    fn drop(&mut self) {
        (self.clients.cut)();
        self.provider.cut();
        self.spawner.kill();
    }
}

/// A running agent. Dropped, it is killed.
pub struct AgentInstance {
    process: Process,
    shutdown: Shutdown,
    orphans: watch::Receiver<OrphanReport>,
    directory: PodDirectory,
    node: NodeHandle,
    lease: LeaseHandle,
    ended: watch::Receiver<bool>,
}

impl AgentInstance {
    /// Starts the controllers as the agent of `virtual-kubelet` does: first the lease, then node and pods. `None` if another
    /// agent holds the lease.
    pub(super) async fn start(
        ring: &dyn Ring,
        backend: &Backend,
        interposition: &Interposition,
        seed: u64,
        settings: AgentSettings,
    ) -> Option<Self> {
        let spawner = Arc::new(ScopedSpawner::new(Handle::current()));
        let env = Env::new(skewed(ring.wall_clock(), settings.clock_offset), Random::seeded(seed), spawner.clone());
        let clients = ring.agent(ring.node_name());
        let simulated = backend.provider();
        let provider = BoxProvider::new(TIMEOUTS.layer(simulated.clone()));
        let provider = interposition.around_provider(provider);
        let node_provider = interposition.around_node_provider(BoxNodeProvider::new(backend.node_provider()));
        // From here on, whoever gives up waiting for the lease leaves no half of a process behind.
        let process = Process { spawner, clients: clients.clone(), provider: simulated };
        let shutdown = Shutdown::default();
        let mut facts = agent_facts(ring.node_name());
        facts.outage_policy = settings.outage_policy;

        let instance = settings.instance.unwrap_or_else(|| INSTANCE.to_owned());
        let holder = LeaseHolder { node: facts.name.clone(), instance, host: "test".to_owned() };
        let connection = Arc::new(SharedClient((clients.make)()));
        let lease = LeaseKeeper::new(holder).start(&env, connection, shutdown.lease.clone());
        let mut report = lease.report();
        let decided = |state: &LeaseState| matches!(state, LeaseState::Held | LeaseState::Refused(_));
        report
            .wait_for(|report| decided(&report.state))
            .await
            .ok()
            .filter(|report| report.state == LeaseState::Held)?;

        let recorder = EventRecorder::new((clients.make)(), ring.node_name(), &env);
        let node = NodeController::new(facts, node_provider)
            .with_settings(settings.node)
            .with_recorder(recorder.clone())
            .start(&env, (clients.make)(), lease.clone(), &shutdown.node);
        let parts = PodParts {
            node_name: ring.node_name().to_owned(),
            clients: PodClients { watch: (clients.make)(), write: (clients.make)() },
            provider,
            references: References::new((clients.make)(), MOST_WATCHES, env.clone()),
            recorder,
            node: node.facts(),
            reconnect: lease.reconnect(),
            lease: lease.report(),
            settings: settings.pods,
        };
        let controller = PodController::new(env.clone(), parts);
        let (directory, orphans) = (controller.directory(), controller.orphans());
        let (ending, ended) = watch::channel(false);
        let stop = shutdown.pods.clone();
        env.spawn("pod controller", async move {
            let ran = controller.run(stop).await;
            assert!(ran.is_ok(), "{ran:?}");
            ending.send_replace(true);
        });
        Some(Self { process, shutdown, orphans, directory, node, lease, ended })
    }

    /// Read access to what the agent knows of its pods.
    pub fn directory(&self) -> &PodDirectory {
        &self.directory
    }

    /// What the agent knows of orphans.
    pub fn orphans(&self) -> OrphanReport {
        *self.orphans.borrow()
    }

    /// What the agent knows of its node.
    pub fn node(&self) -> &NodeHandle {
        &self.node
    }

    /// The agent's lease.
    pub fn lease(&self) -> &LeaseHandle {
        &self.lease
    }

    /// Ends it as SIGTERM does: what is under way is finished.
    pub async fn stop(mut self) {
        self.shutdown.pods.cancel();
        // An error means that it has ended already.
        let _ended = self.ended.wait_for(|ended| *ended).await.is_ok();
        self.shutdown.node.cancel();
        self.node.ended().await;
        self.shutdown.lease.cancel();
        let _released = self.lease.report().wait_for(|report| report.state == LeaseState::Released).await.is_ok();
        self.kill();
    }

    /// Ends it as SIGKILL does: at this very moment, whatever was under way.
    pub fn kill(self) {
        drop(self.process);
    }
}

#[allow(clippy::expect_used, reason = "rings name their nodes validly")]
fn agent_facts(node_name: &str) -> AgentFacts {
    let name = NodeName::parse(node_name).expect("a valid node name");
    let mut facts = AgentFacts::new(name, KubeletVersion::of_this_build(), Identity::Node);
    facts.addresses = vec![NodeAddress { kind: "InternalIP".to_owned(), address: "192.0.2.1".to_owned() }];
    facts
}

fn skewed(clock: Arc<dyn WallClock>, offset: Arc<AtomicI64>) -> Arc<dyn WallClock> {
    Arc::new(move || {
        let now = clock.now();
        now.saturating_add(SignedDuration::from_secs(offset.load(Ordering::Relaxed))).unwrap_or(now)
    })
}

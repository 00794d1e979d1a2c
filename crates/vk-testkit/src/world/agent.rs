//! An agent that can be stopped as a process ends, or killed as one is.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use virtual_kubelet::ScopedSpawner;
use virtual_kubelet::controller::env::{Env, Random};
use virtual_kubelet::controller::events::EventRecorder;
use virtual_kubelet::controller::pod::{PodClients, PodController, PodDirectory, PodParts, PodSettings};
use virtual_kubelet::controller::references::References;
use virtual_kubelet::core::resolve::NodeFacts;
use virtual_kubelet::kube::Client;
use virtual_kubelet::provider::BoxProvider;

use super::Ring;
use crate::backend::{Backend, SimulatedProvider};

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

/// A running agent.
pub struct AgentInstance {
    spawner: Arc<ScopedSpawner>,
    clients: AgentClients,
    provider: SimulatedProvider,
    shutdown: CancellationToken,
    directory: PodDirectory,
    ended: watch::Receiver<bool>,
    _reconnect: watch::Sender<u64>,
}

impl AgentInstance {
    pub(super) async fn start(ring: &dyn Ring, backend: &Backend, seed: u64) -> Self {
        let spawner = Arc::new(ScopedSpawner::new(Handle::current()));
        let env = Env::new(ring.wall_clock(), Random::seeded(seed), spawner.clone());
        let clients = ring.agent(ring.node_name());
        let provider = backend.provider();
        let (_, node) = watch::channel(Arc::new(NodeFacts {
            name: ring.node_name().to_owned(),
            host_ips: vec![[192, 0, 2, 1].into()],
            ..NodeFacts::default()
        }));
        let (reconnect, reconnect_seen) = watch::channel(0);
        let parts = PodParts {
            node_name: ring.node_name().to_owned(),
            clients: PodClients { watch: (clients.make)(), write: (clients.make)() },
            provider: BoxProvider::new(provider.clone()),
            references: References::new((clients.make)(), MOST_WATCHES, env.clone()),
            recorder: EventRecorder::new((clients.make)(), ring.node_name(), &env),
            node,
            reconnect: reconnect_seen,
            settings: PodSettings::default(),
        };
        let controller = PodController::new(env.clone(), parts);
        let directory = controller.directory();
        let shutdown = CancellationToken::new();
        let (ending, ended) = watch::channel(false);
        let stop = shutdown.clone();
        env.spawn("pod controller", async move {
            controller.run(stop).await;
            ending.send_replace(true);
        });
        Self { spawner, clients, provider, shutdown, directory, ended, _reconnect: reconnect }
    }

    /// Read access to what the agent knows.
    pub fn directory(&self) -> &PodDirectory {
        &self.directory
    }

    /// Ends it as SIGTERM does: what is under way is finished.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        // An error means that it has ended already.
        let _ended = self.ended.wait_for(|ended| *ended).await.is_ok();
        self.kill();
    }

    /// Ends it as SIGKILL does: at this very moment, whatever was under way.
    pub fn kill(self) {
        (self.clients.cut)();
        self.provider.cut();
        self.spawner.kill();
    }
}

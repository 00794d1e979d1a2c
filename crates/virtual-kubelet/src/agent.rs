//! [`Agent`]: one process that keeps nodes. Adding one node is the common case, several are the same.

use std::fmt;
use std::sync::Arc;

use kube::Client;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use vk_controller::env::{Env, Random};
use vk_controller::events::EventRecorder;
use vk_controller::node::{ClientSource, LeaseHandle, LeaseKeeper, LeaseReport, NodeController};
use vk_controller::pod::{PodClients, PodController, PodParts};
use vk_controller::references::References;
use vk_core::node::lease::{LeaseConflict, LeaseHolder, LeaseState};
use vk_kubelet_api::{
    KubeletApi, NodeServices, RememberingAuthorizer, Settings, SubjectAccessReviewAuthorizer, TokenReviewAuthenticator,
    WallClock,
};
use vk_provider::{BoxProvider, Provider};

use crate::certificates::tell_of_certificates;
use crate::configuration;
use crate::heartbeat::Heartbeat;
use crate::node_spec::NodeSpec;
use crate::pod_source::DirectoryPods;
use crate::running_node::{Kept, Parts, RunningNode, Shutdown};
use crate::sync_loop::SyncLoop;
use crate::system::{ScopedSpawner, SystemClock};

/// Keeps virtual nodes.
///
/// ```no_run
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
/// use virtual_kubelet::{Agent, NodeSpec, kube, provider};
///
/// # async fn example(provider: impl provider::Provider) -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = kube::Config::infer().await?;
/// config.default_retry = false;
/// let clients = move || std::future::ready(kube::Client::try_from(config.clone()));
/// let agent = Agent::new(Arc::new(clients))?;
/// let shape = provider::NaiveNodeProvider::new(BTreeMap::new());
/// let node = agent.add_node(NodeSpec::new("virtual-1", provider, shape)?).await?;
/// node.ended().await?;
/// # Ok(())
/// # }
/// ```
pub struct Agent {
    env: Env,
    heartbeat: Arc<Heartbeat>,
    clients: Arc<dyn ClientSource>,
}

/// Why a node could not be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddNodeError {
    /// There is no way to the API server.
    #[error("no client for the API server: {0}")]
    Client(#[source] Box<kube::Error>),
    /// Another live agent keeps a node of this name.
    #[error(transparent)]
    Taken(#[from] LeaseConflict),
    /// The agent ended before the node lease was won.
    #[error("the agent ended before it held the node lease")]
    Ended,
}

impl Agent {
    /// An agent that reaches the API server by these clients. Call it on a tokio runtime: everything but the heartbeat runs
    /// there.
    ///
    /// # Errors
    /// If the heartbeat's thread cannot be started.
    pub fn new(clients: Arc<dyn ClientSource>) -> std::io::Result<Self> {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "virtual-kubelet");
        let spawner = Arc::new(ScopedSpawner::new(Handle::current()));
        let env = Env::new(Arc::new(SystemClock), Random::seeded(seed), spawner);
        Ok(Self { env, heartbeat: Arc::new(Heartbeat::start()?), clients })
    }

    /// Adds a node: wins its lease, registers it, and from then on brings its pods to the provider.
    ///
    /// Waits for the API server for as long as that takes.
    ///
    /// # Errors
    /// [`AddNodeError::Taken`] if another live agent keeps a node of this name.
    pub async fn add_node(&self, node: NodeSpec) -> Result<RunningNode, AddNodeError> {
        let shutdown = Shutdown::default();
        let guard = shutdown.lease.clone().drop_guard();
        let lease = self.keep_lease(&node, &shutdown.lease);
        hold(&lease).await?;
        let running = self.start(node, lease, shutdown).await?;
        guard.disarm();
        Ok(running)
    }

    /// The heartbeat depends on nothing: it has its own thread, runtime and connection (invariant 7).
    fn keep_lease(&self, node: &NodeSpec, shutdown: &CancellationToken) -> LeaseHandle {
        let holder =
            LeaseHolder { node: node.facts.name.clone(), instance: node.instance.clone(), host: node.host.clone() };
        let env = self.env.with_spawner(self.heartbeat.spawner());
        LeaseKeeper::new(holder).start(&env, self.clients.clone(), shutdown.clone())
    }

    async fn start(
        &self,
        mut node: NodeSpec,
        lease: LeaseHandle,
        shutdown: Shutdown,
    ) -> Result<RunningNode, AddNodeError> {
        let env = &self.env;
        let name = node.facts.name.to_string();
        let configuration = configuration::of(&node);
        let recorder = EventRecorder::new(self.connect().await?, name.clone(), env);
        let references = References::new(self.connect().await?, node.reference_watches, env.clone());
        let provider = BoxProvider::new(node.timeouts.layer(node.provider));
        let clients = PodClients { watch: self.connect().await?, write: self.connect().await? };
        let node_client = self.connect().await?;

        // The directory answers once the controller runs; the API has to listen before the node names its port.
        let (facts, facts_seen) = watch::channel(Arc::default());
        let interfaces = provider.describe().interfaces.clone();
        let parts = PodParts {
            node_name: name.clone(),
            clients,
            provider,
            references,
            recorder: recorder.clone(),
            node: facts_seen,
            reconnect: lease.reconnect(),
            lease: lease.report(),
            settings: node.pods,
        };
        let pods = PodController::new(env.clone(), parts);
        let (directory, orphans) = (pods.directory(), pods.orphans());

        let source = Arc::new(DirectoryPods::new(directory.clone()));
        let review_client = self.connect().await?;
        let authorizer = SubjectAccessReviewAuthorizer::new(review_client.clone());
        let authorizer = Arc::new(RememberingAuthorizer::new(authorizer, node.reviews.authorization));
        let clock = WallClock::new(jiff::Timestamp::now);
        let tokens = Arc::new(TokenReviewAuthenticator::new(review_client.clone(), node.reviews.tokens));
        let mut services = NodeServices::new(name.as_str(), source, interfaces.clone(), authorizer, clock)
            .with_token_authenticator(tokens)
            .with_configuration(configuration)
            .with_health_check(Arc::new(SyncLoop::new(directory.clone())));
        if let Some(metrics) = node.metrics.take() {
            services = services.with_metrics(metrics);
        }
        let api = bind(node.kubelet_api, services).await;
        node.facts.declared_features.extend(node.feature_gates.declared(&interfaces, api.is_some()));
        node.facts.kubelet_port = api.as_ref().map(|api| api.local_addr().port());

        let node_name = node.facts.name.clone();
        let controller = NodeController::new(node.facts, node.node_provider)
            .with_settings(node.node_settings)
            .with_recorder(recorder.clone())
            .start(env, node_client, lease.clone(), &shutdown.node);
        if let Some(serving) = node.serving_certificate {
            let tell = tell_of_certificates(node_name.to_string(), Some(recorder));
            let kept = serving.keep(env, review_client, node_name, controller.status(), tell);
            let stop = shutdown.pods.clone();
            env.spawn("serving certificate", async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = kept => {}
                }
            });
        }
        env.spawn("node facts", forward(controller.facts(), facts));
        let (pods_ended, pods_end) = watch::channel(false);
        let (defects, defect) = watch::channel(None);
        let stop = shutdown.clone();
        env.spawn("pod controller", async move {
            if let Err(defect) = pods.run(stop.pods.clone()).await {
                tracing::error!(%defect, "the node is given up");
                defects.send_replace(Some(defect));
                stop.cancel();
            }
            pods_ended.send_replace(true);
        });
        env.spawn("lost lease", end_when_taken(lease.report(), shutdown.clone()));
        let (api_ended, api_end) = watch::channel(false);
        let stop = shutdown.pods.clone();
        env.spawn("kubelet API", async move {
            if let Some(api) = api {
                let drained = api.run(stop).await;
                tracing::debug!(cut = drained.cut, "the kubelet API has ended");
            }
            api_ended.send_replace(true);
        });
        let kept = Kept { env: env.clone(), heartbeat: self.heartbeat.clone() };
        let parts = Parts { node: controller, directory, lease, orphans, ends: [pods_end, api_end], defect };
        Ok(RunningNode::new(kept, parts, shutdown))
    }

    async fn connect(&self) -> Result<Client, AddNodeError> {
        self.clients.connect().await.map_err(|error| AddNodeError::Client(Box::new(error)))
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").finish_non_exhaustive()
    }
}

/// Listens, if that was asked for. The node runs on without.
async fn bind(settings: Option<Settings>, services: NodeServices) -> Option<KubeletApi> {
    let bound = KubeletApi::bind(settings?, services).await;
    bound.inspect_err(|error| tracing::error!(%error, "kubectl logs and exec will not work; the node runs on")).ok()
}

/// Waits until the lease is ours.
async fn hold(lease: &LeaseHandle) -> Result<(), AddNodeError> {
    let mut report = lease.report();
    let decided = report
        .wait_for(|report| matches!(report.state, LeaseState::Held | LeaseState::Refused(_) | LeaseState::Released))
        .await;
    match decided.map(|report| report.state.clone()) {
        Ok(LeaseState::Held) => Ok(()),
        Ok(LeaseState::Refused(conflict)) => Err(conflict.into()),
        _ => Err(AddNodeError::Ended),
    }
}

/// Ends a node that another agent has taken.
async fn end_when_taken(mut report: watch::Receiver<LeaseReport>, shutdown: Shutdown) {
    let taken = report.wait_for(|report| matches!(report.state, LeaseState::Refused(_))).await.is_ok();
    if taken {
        shutdown.cancel();
    }
}

/// Copies every value on, until one of the ends is gone.
async fn forward<T: Clone>(mut from: watch::Receiver<T>, to: watch::Sender<T>) {
    loop {
        let value = from.borrow_and_update().clone();
        to.send_replace(value);
        if from.changed().await.is_err() {
            return;
        }
    }
}

//! A cluster whose controllers act on nodes and pods, and whose network to the agent can be cut.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;
use virtual_kubelet::controller::env::WallClock;
use virtual_kubelet::core::PodUid;
use virtual_kubelet::kube::api::{Patch, PatchParams};
use virtual_kubelet::kube::{Api, Client};
use vk_apiserver::{ApiServer, Clock, Identity, Link, LinkState, Options, RequestRecord, VirtualClock};
use vk_testkit::world::AgentClients;
use vk_testkit::{Ring, World};

/// Long enough for whatever needs no outage to end.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// Every back-off, time-out and list has come round by then.
pub(super) const IN_THE_END: Duration = Duration::from_secs(600);

const NODE: &str = "virtual-1";

/// The API server and the network to it.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) server: ApiServer,
    /// What a partition cuts: the ways of the agents, not that of the users.
    network: Network,
    clock: VirtualClock,
}

#[derive(Clone, Default)]
struct Network(Arc<Mutex<Vec<Link>>>);

impl Network {
    fn add(&self) -> Link {
        let link = Link::new();
        self.0.lock().push(link.clone());
        link
    }
}

impl Cluster {
    fn new() -> Self {
        let mut options = Options::default();
        options.controllers.node_lifecycle = true;
        options.controllers.taint_eviction = true;
        options.controllers.pod_garbage_collection = true;
        let clock = VirtualClock::starting_at(Timestamp::from_second(1_800_000_000).unwrap());
        Self { server: ApiServer::new(options, clock), network: Network::default(), clock }
    }

    /// Changes what the network between the newest agent and the API server does.
    pub(super) fn set_network(&self, state: LinkState) {
        let links = self.network.0.lock();
        links.last().into_iter().for_each(|link| link.set(state));
    }

    /// Every request that the node's agents have made.
    pub(super) fn agent_requests(&self) -> Vec<RequestRecord> {
        let user = Identity::node(NODE).user;
        self.server.inspect(|kernel| kernel.requests().filter(|request| request.user == user).cloned().collect())
    }
}

impl Ring for Cluster {
    fn admin(&self) -> Client {
        Client::new(self.server.service(Identity::admin()), "default")
    }

    fn agent(&self, node_name: &str) -> AgentClients {
        let link = self.network.add();
        let service = self.server.service_over(Identity::node(node_name), &link);
        let make = move || Client::new(service.clone(), "default");
        AgentClients { make: Arc::new(make), cut: Arc::new(move || link.set(LinkState::Refused)) }
    }

    fn wall_clock(&self) -> Arc<dyn WallClock> {
        let clock = self.clock;
        Arc::new(move || clock.wall())
    }

    fn namespace(&self) -> &str {
        "default"
    }

    fn node_name(&self) -> &str {
        NODE
    }
}

/// Runs a test on simulated time, with the controllers of a cluster.
pub(super) fn simulate<F: Future>(seed: u64, test: impl FnOnce(World, Cluster) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::new();
        tokio::spawn(cluster.server.clone().background());
        test(World::new(Box::new(cluster.clone()), seed), cluster).await
    })
}

/// Waits until `holds` does, for as long as anything may take; looks once a second, for hours pass in these tests.
pub(super) async fn in_the_end(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + IN_THE_END * 2;
    while !holds().await {
        assert!(Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Asserts that `holds` does for ten minutes, looking every few seconds.
pub(super) async fn for_ten_minutes(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + IN_THE_END;
    while Instant::now() < until {
        assert!(holds().await, "no longer: {what}");
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

/// Creates a pod with these fields in its spec, and waits until it runs.
pub(super) async fn running_pod(world: &World, name: &str, spec: Value) -> PodUid {
    let uid = world.create_pod_with(name, spec).await;
    world.eventually(SOON, "the pod runs", || async { world.phase(name).await == "Running" }).await;
    uid
}

/// Whether something of the pod runs in the back end.
pub(super) fn runs(world: &World, uid: &PodUid) -> bool {
    world.backend().workload(uid).is_some_and(|workload| workload.exit_code.is_none())
}

/// Whether neither side holds anything of the pod.
pub(super) async fn is_gone(world: &World, name: &str, uid: &PodUid) -> bool {
    world.pod(name).await.is_none() && world.backend().workload(uid).is_none()
}

/// `status` of a condition of the pod; empty if there is none.
pub(super) async fn condition(world: &World, name: &str, kind: &str) -> String {
    let status = world.pod(name).await.and_then(|pod| pod.status).unwrap_or_default();
    let found = status.conditions.into_iter().flatten().find(|condition| condition.type_ == kind);
    found.map(|condition| condition.status).unwrap_or_default()
}

/// `status` of the node's Ready condition; empty if there is none.
pub(super) async fn node_ready(world: &World) -> String {
    let nodes: Api<Node> = Api::all(world.admin());
    let status = nodes.get_opt(world.node_name()).await.unwrap().and_then(|node| node.status).unwrap_or_default();
    let found = status.conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
    found.map(|condition| condition.status).unwrap_or_default()
}

/// What a node controller does to the pods of a node that it has given up.
pub(super) async fn mark_unready(world: &World, name: &str) {
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NodeNotReady"}]}});
    world.pods().patch_status(name, &PatchParams::default(), &Patch::Strategic(unready)).await.unwrap();
}

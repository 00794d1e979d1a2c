//! An API server in process, and agents with scripted back ends beside it. Time is tokio's, paused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::Client;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vk_apiserver::{ApiServer, Identity as User, Link, Options, PolicyRule, VirtualClock};
use vk_core::Error;
use vk_core::node::lease::{LeaseHolder, LeaseState};
use vk_core::node::{
    AgentFacts, Identity, KUBERNETES_VERSION, KubeletVersion, NodeAddress, NodeName, NodeShape, Taint,
};
use vk_provider::{BoxNodeProvider, NodeProvider, NodeSink};

use crate::env::{Env, Random, Spawner};
use crate::node::{LeaseHandle, LeaseKeeper, NodeController, NodeHandle, NodeSettings, SharedClient};

/// Ends all it has spawned when it is dropped, as a crash does.
#[derive(Default)]
struct Scope(Mutex<JoinSet<()>>);

impl Spawner for Scope {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        self.0.lock().spawn(future);
    }
}

/// How the scripted back end answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Answers,
    Fails,
    Hangs,
    Panics,
}

/// A back end that does what the test says.
struct ScriptedNode {
    mood: watch::Receiver<Mood>,
    shape: watch::Receiver<NodeShape>,
}

impl ScriptedNode {
    async fn answer(&self) -> vk_core::Result<()> {
        let mood = *self.mood.borrow();
        match mood {
            Mood::Answers => Ok(()),
            Mood::Fails => Err(Error::unavailable("the engine is not running")),
            Mood::Hangs => {
                let mut mood = self.mood.clone();
                let _ = mood.wait_for(|mood| *mood != Mood::Hangs).await;
                Ok(())
            }
            Mood::Panics => panic!("the scripted back end panics"),
        }
    }
}

impl NodeProvider for ScriptedNode {
    async fn shape(&self) -> vk_core::Result<NodeShape> {
        self.answer().await?;
        Ok(self.shape.borrow().clone())
    }

    async fn ping(&self) -> vk_core::Result<()> {
        self.answer().await
    }

    async fn watch(&self, sink: NodeSink) -> vk_core::Result<()> {
        let mut shape = self.shape.clone();
        while shape.changed().await.is_ok() {
            let shape = shape.borrow_and_update().clone();
            sink.report(shape);
        }
        std::future::pending().await
    }
}

pub(super) struct World {
    pub(super) server: ApiServer,
    background: JoinSet<()>,
}

impl World {
    pub(super) fn new() -> Self {
        let mut options = Options::default();
        options.controllers.node_lifecycle = true;
        let epoch = "2026-11-22T14:00:00Z".parse().expect("a time");
        let server = ApiServer::new(options, VirtualClock::starting_at(epoch));
        let every = |group: &str, resources: &[&str]| {
            PolicyRule::resources(&["get", "list", "watch", "create", "patch"], group, resources)
        };
        server.grant(
            "system:serviceaccount:vk:agent",
            vec![every("", &["nodes", "nodes/status"]), every("coordination.k8s.io", &["leases"])],
        );
        let mut background = JoinSet::new();
        background.spawn(server.clone().background());
        Self { server, background }
    }

    /// What `--deregister-on-exit` needs beside the usual.
    pub(super) fn permit_deletion(&self) {
        let subject = "system:serviceaccount:vk:agent";
        self.server.grant(subject, vec![PolicyRule::resources(&["delete"], "", &["nodes"])]);
    }

    pub(super) fn node(&self) -> Option<Value> {
        self.server.inspect(|kernel| kernel.object("nodes", "", "vk").map(|node| (**node).clone().into_value()))
    }

    pub(super) fn lease(&self) -> Option<Value> {
        self.server.inspect(|kernel| {
            kernel
                .object("leases.coordination.k8s.io", "kube-node-lease", "vk")
                .map(|lease| (**lease).clone().into_value())
        })
    }

    /// `status` of a condition of the Node; empty if there is none.
    pub(super) fn condition(&self, kind: &str) -> String {
        let node = self.node().unwrap_or_default();
        let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.iter().find(|condition| condition["type"] == kind);
        found.and_then(|condition| condition["status"].as_str()).unwrap_or_default().to_owned()
    }

    /// How many requests of this verb to this resource were answered with this code, or with any for 0.
    pub(super) fn requests(&self, verb: &str, resource: &str, subresource: &str, code: u16) -> usize {
        self.server.inspect(|kernel| {
            kernel
                .requests()
                .filter(|it| it.user != "kubernetes-admin" && it.verb == verb)
                .filter(|it| it.resource == resource && it.subresource == subresource)
                .filter(|it| code == 0 || it.code == code)
                .count()
        })
    }

    pub(super) fn forget_requests(&self) {
        self.server.change(|kernel, _| kernel.forget_requests());
    }

    pub(super) fn admin(&self) -> Client {
        Client::new(self.server.service(User::admin()), "default")
    }

    /// Strategic-merge patch by an administrator.
    pub(super) async fn patch(&self, patch: Value) {
        let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(self.admin());
        nodes
            .patch("vk", &kube::api::PatchParams::default(), &kube::api::Patch::Strategic(patch))
            .await
            .expect("a patch");
    }

    /// The same, of the status.
    pub(super) async fn patch_status(&self, patch: Value) {
        let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(self.admin());
        let patch = kube::api::Patch::Strategic(patch);
        nodes.patch_status("vk", &kube::api::PatchParams::default(), &patch).await.expect("a patch");
    }

    pub(super) async fn delete_node(&self) {
        let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(self.admin());
        nodes.delete("vk", &kube::api::DeleteParams::default()).await.expect("a delete");
    }

    /// Lets time pass until the predicate holds, at most this long.
    pub(super) async fn eventually(&self, what: &str, within: Duration, holds: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + within;
        while !holds(self) {
            let (node, lease) = (self.node(), self.lease());
            assert!(tokio::time::Instant::now() < deadline, "not within {within:?}: {what}\n{node:#?}\n{lease:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.background.abort_all();
    }
}

/// An agent before it starts.
pub(super) struct AgentPlan {
    pub(super) instance: &'static str,
    pub(super) user: User,
    pub(super) facts: AgentFacts,
    pub(super) settings: NodeSettings,
    pub(super) mood: Mood,
}

impl AgentPlan {
    pub(super) fn new(identity: Identity) -> Self {
        let version = KubeletVersion::new(KUBERNETES_VERSION, "0.1.0").expect("a version");
        let mut facts = AgentFacts::new(NodeName::parse("vk").expect("a name"), version, identity);
        facts.kubelet_port = Some(10250);
        facts.addresses.push(NodeAddress { kind: "InternalIP".to_owned(), address: "10.0.0.7".to_owned() });
        facts.taints.push(Taint {
            key: "virtual-kubelet.io/provider".to_owned(),
            value: "mock".to_owned(),
            effect: "NoSchedule".to_owned(),
        });
        let user = match identity {
            Identity::ServiceAccount => User::service_account("vk", "agent"),
            Identity::Node | Identity::Unknown => User::node("vk"),
        };
        Self { instance: "a", user, facts, settings: NodeSettings::default(), mood: Mood::Answers }
    }

    pub(super) fn start(self, world: &World) -> Agent {
        let scope = Arc::new(Scope::default());
        let wall_offset = Arc::new(AtomicI64::new(0));
        let (server, offset) = (world.server.clone(), wall_offset.clone());
        let clock = move || -> Timestamp {
            let jump = SignedDuration::from_secs(offset.load(Ordering::Relaxed));
            server.now().wall.saturating_add(jump).unwrap_or(Timestamp::MAX)
        };
        let env = Env::new(Arc::new(clock), Random::seeded(7), scope.clone());
        let link = Link::new();
        let connect = || Client::new(world.server.service_over(self.user.clone(), &link), "default");
        let (mood, mood_seen) = watch::channel(self.mood);
        let (shape, shape_seen) = watch::channel(shape("20"));
        let shutdown = CancellationToken::new();
        let node_shutdown = shutdown.child_token();

        let holder = LeaseHolder {
            node: self.facts.name.clone(),
            instance: self.instance.to_owned(),
            host: format!("host-of-{}", self.instance),
        };
        let lease = LeaseKeeper::new(holder).start(&env, Arc::new(SharedClient(connect())), shutdown.clone());
        let provider = BoxNodeProvider::new(ScriptedNode { mood: mood_seen, shape: shape_seen });
        let node = NodeController::new(self.facts, provider).with_settings(self.settings).start(
            &env,
            connect(),
            lease.clone(),
            &node_shutdown,
        );
        Agent { link, mood, shape, lease, node, shutdown, node_shutdown, wall_offset, scope }
    }
}

/// A running agent. Dropping it is a crash.
pub(super) struct Agent {
    pub(super) link: Link,
    pub(super) mood: watch::Sender<Mood>,
    pub(super) shape: watch::Sender<NodeShape>,
    pub(super) lease: LeaseHandle,
    pub(super) node: NodeHandle,
    pub(super) shutdown: CancellationToken,
    /// Ends the node controller alone, as an agent does before it lets go of the lease.
    pub(super) node_shutdown: CancellationToken,
    /// Seconds by which its wall clock is ahead.
    pub(super) wall_offset: Arc<AtomicI64>,
    scope: Arc<Scope>,
}

impl Agent {
    pub(super) fn lease_state(&self) -> LeaseState {
        self.lease.report().borrow().state.clone()
    }

    pub(super) fn node_uid(&self) -> Option<String> {
        self.node.status().borrow().registration.uid.clone()
    }

    /// `kill -9`.
    pub(super) fn crash(self) {
        self.scope.0.lock().abort_all();
    }
}

pub(super) fn shape(pods: &str) -> NodeShape {
    let amount = |name: &str, amount: &str| (name.to_owned(), Quantity(amount.to_owned()));
    NodeShape::with_capacity(BTreeMap::from([amount("cpu", "4000m"), amount("memory", "8192Mi"), amount("pods", pods)]))
}

//! Where a scenario plays.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use virtual_kubelet::core::PodUid;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{Patch, PatchParams};
use vk_apiserver::ApiServer;

use crate::backend::Workload;
use crate::simulation::{Violation, Witness};
use crate::world::World;

/// Longer than any back-off, time-out and collection of orphans: a bound against hanging, not a claim.
const PATIENCE: Duration = Duration::from_secs(200);

/// How often is looked: seldom enough that whoever waits in vain does not take long.
const LOOK: Duration = Duration::from_millis(200);

/// How long a killed agent stays away.
const DOWN: Duration = Duration::from_secs(1);

/// A world in which an agent is kept running, until somebody wants it down.
pub struct Stage {
    /// The world.
    pub world: World,
    /// Its API server.
    pub server: ApiServer,
    is_wanted: watch::Sender<bool>,
    witness: Mutex<Witness>,
}

impl Stage {
    pub(super) fn new(world: World, server: ApiServer) -> Self {
        let witness = Mutex::new(Witness::of(&server));
        Self { world, server, is_wanted: watch::Sender::new(true), witness }
    }

    /// What was wrong, now that everything has come to rest.
    pub(super) fn judge(self) -> Vec<Violation> {
        self.witness.into_inner().judge(&self.world)
    }

    /// Restarts the API server, which forgets its history. The witness does not.
    pub fn restart_server(&self) {
        self.witness.lock().read();
        self.server.restart();
    }

    /// Ends a pod as pod garbage collection and evictors do.
    pub async fn evict_by_status(&self, name: &str, uid: &PodUid) {
        self.witness.lock().ended_from_outside(uid);
        self.edit_status(name, json!({"status": {"phase": "Failed", "reason": "Evicted"}})).await;
    }

    /// Keeps an agent running: it is started again after each crash. Never ends.
    pub(super) async fn keep_agent(&self, mut crashes: watch::Receiver<u64>) {
        let mut wanted = self.is_wanted.subscribe();
        let mut unwanted = self.is_wanted.subscribe();
        loop {
            let _never_closed = wanted.wait_for(|wanted| *wanted).await.is_ok();
            let running = async {
                let _agent = self.world.start_agent().await;
                std::future::pending::<()>().await;
            };
            self.witness.lock().newest_agent_began(self.world.backend().now());
            // Whichever comes first drops the agent, which kills it.
            tokio::select! {
                biased;
                _ = crashes.changed() => {}
                _ = unwanted.wait_for(|wanted| !wanted) => {}
                () = running => {}
            }
            tokio::time::sleep(DOWN).await;
        }
    }

    /// Kills the agent, and lets enough time pass that it is dead.
    pub async fn kill_agent(&self) {
        self.is_wanted.send_replace(false);
        tokio::time::sleep(DOWN).await;
    }

    /// Lets the agent start again.
    pub fn start_agent(&self) {
        self.is_wanted.send_replace(true);
    }

    /// Waits until `holds` does.
    ///
    /// # Panics
    /// If that takes too long; `what` says what was waited for.
    pub async fn eventually<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        let attempts = async {
            while !holds().await {
                tokio::time::sleep(LOOK).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, attempts).await.is_ok(), "not within {PATIENCE:?}: {what}");
    }

    /// Waits until the pod has this phase.
    pub async fn reaches(&self, name: &str, phase: &str) {
        let what = format!("{name} is {phase}");
        self.eventually(&what, || async { self.world.phase(name).await == phase }).await;
    }

    /// Creates a pod and waits until it runs.
    pub async fn run_pod(&self, name: &str, spec: Value) -> PodUid {
        let uid = self.world.create_pod_with(name, spec).await;
        self.reaches(name, "Running").await;
        uid
    }

    /// Waits until the API no longer has the pod.
    pub async fn leaves_the_api(&self, name: &str) {
        let what = format!("{name} leaves the API");
        self.eventually(&what, || async { self.world.pod(name).await.is_none() }).await;
    }

    /// Waits until the back end no longer holds the pod.
    pub async fn is_let_go(&self, uid: &PodUid) {
        let gone = || async { self.world.backend().workload(uid).is_none() };
        self.eventually("the back end is let go", gone).await;
    }

    /// Waits until the back end's view of a pod is so.
    pub async fn workload_is(&self, uid: &PodUid, what: &str, holds: impl Fn(&Workload) -> bool) {
        let there = || async { self.world.backend().workload(uid).is_some_and(|workload| holds(&workload)) };
        self.eventually(what, there).await;
    }

    /// Whether the back end runs the pod now.
    pub fn is_running(&self, uid: &PodUid) -> bool {
        self.world.backend().workload(uid).is_some_and(|workload| workload.exit_code.is_none())
    }

    /// Merges this into the pod, as its owner would.
    pub async fn edit(&self, name: &str, body: Value) {
        let edited = self.world.pods().patch(name, &PatchParams::default(), &Patch::Merge(body)).await;
        assert!(edited.is_ok(), "{edited:?}");
    }

    /// Merges this into the pod's status, as another controller would.
    pub async fn edit_status(&self, name: &str, body: Value) {
        let edited = self.world.pods().patch_status(name, &PatchParams::default(), &Patch::Strategic(body)).await;
        assert!(edited.is_ok(), "{edited:?}");
    }

    /// Waits until the Node is as wanted.
    pub async fn node_is(&self, what: &str, holds: impl Fn(&Node) -> bool) {
        let there = || async { self.node().await.is_some_and(|node| holds(&node)) };
        self.eventually(what, there).await;
    }

    /// All nodes.
    pub fn nodes(&self) -> Api<Node> {
        Api::all(self.world.admin())
    }

    /// Our Node now.
    pub async fn node(&self) -> Option<Node> {
        self.nodes().get_opt(self.world.node_name()).await.ok().flatten()
    }

    /// Lets time pass.
    pub async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// Whether the Node says that it is ready.
pub(super) fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

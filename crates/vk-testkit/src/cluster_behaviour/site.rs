//! Where a test makes its objects by hand.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use virtual_kubelet::kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use virtual_kubelet::kube::{Api, Resource};

use super::{A_WHILE, LATE};
use crate::world::World;

/// The label of a site's nodes; no other pods select it.
const SITE: &str = "testkit.virtual-kubelet.io/site";
/// Well within the grace period of a node, which is 50 s.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Nodes of a test's own, in a zone of their own: how many nodes of a zone are silent decides what becomes of them.
pub(super) struct Site<'world> {
    world: &'world World,
}

#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
impl<'world> Site<'world> {
    pub(super) fn new(world: &'world World) -> Self {
        Self { world }
    }

    /// Objects of the test's namespace.
    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.world.admin(), self.world.namespace())
    }

    pub(super) fn nodes(&self) -> Api<Node> {
        Api::all(self.world.admin())
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.world.admin(), "kube-node-lease")
    }

    /// Registers a node that is ready; answers with its name.
    pub(super) async fn add_node(&self, suffix: &str) -> String {
        let name = format!("{}-{suffix}", self.world.node_name());
        let size = json!({"cpu": "2", "memory": "4Gi", "pods": "10"});
        let node = json!({
            "metadata": {"name": name, "labels": {
                SITE: self.world.node_name(), "kubernetes.io/hostname": name,
                "topology.kubernetes.io/zone": self.world.node_name(),
            }},
            "status": {"capacity": size, "allocatable": size, "conditions": [ready(0)]},
        });
        create(&self.nodes(), node).await;
        let lease = json!({
            "metadata": {"name": name},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renew_time(0)},
        });
        create(&self.leases(), lease).await;
        self.eventually("the node is free of taints", async || {
            read(&self.nodes(), &name).await["spec"]["taints"].is_null()
        })
        .await;
        name
    }

    /// Removes a node, and its lease, which nobody in process collects.
    pub(super) async fn remove_node(&self, name: &str) {
        self.nodes().delete(name, &DeleteParams::default()).await.expect("the node is deleted");
        // A real cluster may have collected it by now.
        let _ = self.leases().delete(name, &DeleteParams::default()).await;
    }

    /// Says that the node is ready, as its agent would, later than at its registration.
    pub(super) async fn report_ready(&self, node: &str) {
        let status = Patch::Strategic(json!({"status": {"conditions": [ready(1)]}}));
        self.nodes().patch_status(node, &PatchParams::default(), &status).await.expect("the status is taken");
    }

    /// Runs a test while these nodes have heartbeats.
    pub(super) async fn while_alive<T>(&self, nodes: &[&str], test: impl Future<Output = T>) -> T {
        let heartbeats = async {
            for beat in 1.. {
                for node in nodes {
                    let renewal = Patch::Merge(json!({"spec": {"renewTime": renew_time(beat)}}));
                    // The next one makes up for one that is lost.
                    let _ = self.leases().patch(node, &PatchParams::default(), &renewal).await;
                }
                tokio::time::sleep(HEARTBEAT).await;
            }
        };
        tokio::select! {
            biased;
            outcome = test => outcome,
            () = heartbeats => unreachable!("heartbeats do not end"),
        }
    }

    /// Creates a pod with one container, and with these fields in its metadata and its spec.
    pub(super) async fn add_pod(&self, name: &str, metadata: Value, spec: Value) {
        let mut pod = json!({
            "metadata": {"name": name},
            "spec": {"containers": [{"name": "app", "image": "app:1"}], "automountServiceAccountToken": false},
        });
        extend(&mut pod["metadata"], metadata);
        extend(&mut pod["spec"], spec);
        create(&self.api::<Pod>(), pod).await;
    }

    /// What a pod's spec has to say to be scheduled to one of the site's nodes.
    pub(super) fn selector(&self) -> Value {
        json!({ SITE: self.world.node_name() })
    }

    /// The pod now; null if it is gone.
    pub(super) async fn pod(&self, name: &str) -> Value {
        read(&self.api::<Pod>(), name).await
    }

    /// Writes a pod's status, as its node's agent would.
    pub(super) async fn write_status(&self, pod: &str, status: Value) {
        let patch = Patch::Strategic(json!({ "status": status }));
        self.api::<Pod>().patch_status(pod, &PatchParams::default(), &patch).await.expect("the status is taken");
    }

    /// What an agent does at the end of a pod that is being deleted.
    pub(super) async fn remove_pod(&self, name: &str) {
        let by_force = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        self.api::<Pod>().delete(name, &by_force).await.expect("the deletion is taken");
    }

    pub(super) async fn eventually(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let attempts = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        assert!(tokio::time::timeout(LATE, attempts).await.is_ok(), "not within {LATE:?}: {what}");
    }

    pub(super) async fn for_a_while(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let until = tokio::time::Instant::now() + A_WHILE;
        while tokio::time::Instant::now() < until {
            assert!(holds().await, "no longer: {what}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Creates an object from what a manifest would say.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
pub(super) async fn create<K>(api: &Api<K>, object: Value) -> Value
where
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    let object: K = serde_json::from_value(object).expect("an object of this kind");
    let created = api.create(&PostParams::default(), &object).await.expect("the object is taken");
    serde_json::to_value(created).expect("an object is JSON")
}

/// The object now; null if there is none.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be answered")]
pub(super) async fn read<K>(api: &Api<K>, name: &str) -> Value
where
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    let object = api.get_opt(name).await.expect("the API server answers");
    serde_json::to_value(object).expect("an object is JSON")
}

/// Takes all finalizers off.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
pub(super) async fn release<K>(api: &Api<K>, name: &str)
where
    K: Clone + Debug + DeserializeOwned,
{
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch(name, &PatchParams::default(), &patch).await.expect("the patch is taken");
}

/// Whether somebody has asked for the object's deletion, and it is still there.
pub(super) fn is_deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// A condition of an object's status; null if there is none.
pub(super) fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    found.cloned().unwrap_or_default()
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// Nobody compares it with another clock, only with what it was before.
fn renew_time(beat: u32) -> String {
    format!("2026-01-01T{:02}:{:02}:{:02}.000000Z", beat / 3600, beat / 60 % 60, beat % 60)
}

fn ready(second: u32) -> Value {
    let time = format!("2026-01-01T00:00:{second:02}Z");
    json!({
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "made by hand",
        "lastHeartbeatTime": time, "lastTransitionTime": time,
    })
}

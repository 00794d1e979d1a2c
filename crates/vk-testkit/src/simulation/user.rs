//! What users and other controllers do with the API. What they ask for in vain, they ask for in vain.

use serde_json::{Value, json};
use virtual_kubelet::core::PodUid;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};

use super::action::{Containers, NAMES, Policy, Shape};
use super::facts::{Facts, Field, is_terminal};
use crate::backend::{FAILING_IMAGE, MISSING_IMAGE};
use crate::world::World;

/// The condition that others own, and that readiness gates wait for.
pub(super) const GATE: &str = "theirs.example/ready";
const FINALIZER: &str = "theirs.example/hold";
const CONFIG: &str = "settings";
/// What others write differs each time.
const KEY: &str = "theirs.example/edited";

pub(super) fn name(pod: usize) -> String {
    format!("pod-{}", pod % NAMES)
}

/// Users of one world.
pub(super) struct Users<'a> {
    pub(super) world: &'a World,
    /// Numbers what they write.
    pub(super) edits: &'a mut u32,
}

impl Users<'_> {
    pub(super) async fn create(&self, pod: usize, shape: Shape) {
        let wanted = serde_json::from_value::<Pod>(manifest(&name(pod), self.world.node_name(), shape));
        if let Ok(wanted) = wanted {
            // There may be one of that name.
            drop(self.world.pods().create(&PostParams::default(), &wanted).await);
        }
    }

    pub(super) async fn delete(&self, pod: usize, grace: Option<u32>) {
        let params = DeleteParams { grace_period_seconds: grace, ..DeleteParams::default() };
        drop(self.world.pods().delete(&name(pod), &params).await);
    }

    pub(super) async fn delete_all(&self) {
        drop(self.world.pods().delete_collection(&DeleteParams::default(), &ListParams::default()).await);
    }

    pub(super) async fn label(&mut self, pod: usize, facts: &mut Facts) {
        let value = self.next_value();
        let body = json!({"metadata": {"labels": {KEY: value}}});
        self.edit(pod, body, facts, Field::Label(KEY.to_owned()), &value).await;
    }

    pub(super) async fn annotate(&mut self, pod: usize, facts: &mut Facts) {
        let value = self.next_value();
        let body = json!({"metadata": {"annotations": {KEY: value}}});
        self.edit(pod, body, facts, Field::Annotation(KEY.to_owned()), &value).await;
    }

    async fn edit(&self, pod: usize, body: Value, facts: &mut Facts, field: Field, value: &str) {
        let patched = self.world.pods().patch(&name(pod), &PatchParams::default(), &Patch::Merge(body)).await;
        remember(patched, facts, field, value);
    }

    pub(super) async fn set_condition(&self, pod: usize, status: bool, facts: &mut Facts) {
        let status = if status { "True" } else { "False" };
        let body = json!({"status": {"conditions": [{"type": GATE, "status": status}]}});
        let patched =
            self.world.pods().patch_status(&name(pod), &PatchParams::default(), &Patch::Strategic(body)).await;
        remember(patched, facts, Field::Condition(GATE.to_owned()), status);
    }

    pub(super) async fn unready(&self, pod: usize) {
        self.patch_status(pod, json!({"conditions": [{"type": "Ready", "status": "False"}]})).await;
    }

    pub(super) async fn fail_from_outside(&self, pod: usize, facts: &mut Facts) {
        let found = self.world.pod(&name(pod)).await;
        let is_over = found.as_ref().and_then(|pod| pod.status.as_ref()?.phase.as_deref()).is_some_and(is_terminal);
        let Some(uid) = found.and_then(|pod| pod.metadata.uid).filter(|_| !is_over) else { return };
        facts.ended_from_outside(&PodUid::from(uid));
        self.patch_status(pod, json!({"phase": "Failed", "reason": "Evicted"})).await;
    }

    async fn patch_status(&self, pod: usize, status: Value) {
        let body = Patch::Strategic(json!({"status": status}));
        drop(self.world.pods().patch_status(&name(pod), &PatchParams::default(), &body).await);
    }

    pub(super) async fn set_image(&mut self, pod: usize, exists: bool) {
        let image = if exists { format!("app:{}", self.next_value()) } else { format!("{MISSING_IMAGE}:1") };
        self.patch(pod, "", json!({"spec": {"containers": [{"name": "app", "image": image}]}})).await;
    }

    pub(super) async fn set_deadline(&self, pod: usize, seconds: u32) {
        self.patch(pod, "", json!({"spec": {"activeDeadlineSeconds": seconds}})).await;
    }

    pub(super) async fn resize(&mut self, pod: usize) {
        *self.edits += 1;
        let cpu = format!("{}m", 100 + *self.edits);
        let container = json!({"name": "app", "resources": {"requests": {"cpu": cpu}}});
        self.patch(pod, "resize", json!({"spec": {"containers": [container]}})).await;
    }

    pub(super) async fn debug(&mut self, pod: usize) {
        let container = json!({"name": format!("debug-{}", self.next_value()), "image": "debug:1"});
        self.patch(pod, "ephemeralcontainers", json!({"spec": {"ephemeralContainers": [container]}})).await;
    }

    pub(super) async fn hold(&self, pod: usize, held: bool) {
        let finalizers = if held { vec![FINALIZER] } else { vec![] };
        let body = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        drop(self.world.pods().patch(&name(pod), &PatchParams::default(), &body).await);
    }

    async fn patch(&self, pod: usize, subresource: &str, body: Value) {
        let body = Patch::Strategic(body);
        let (pods, parameters) = (self.world.pods(), PatchParams::default());
        match subresource {
            "" => drop(pods.patch(&name(pod), &parameters, &body).await),
            _ => drop(pods.patch_subresource(subresource, &name(pod), &parameters, &body).await),
        }
    }

    pub(super) async fn delete_node(&self) {
        let nodes: Api<Node> = Api::all(self.world.admin());
        drop(nodes.delete(self.world.node_name(), &DeleteParams::default()).await);
    }

    pub(super) async fn unready_node(&self) {
        let nodes: Api<Node> = Api::all(self.world.admin());
        let body = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
        drop(nodes.patch_status(self.world.node_name(), &PatchParams::default(), &Patch::Strategic(body)).await);
    }

    /// What pods have waited for is there, and nobody holds them any more.
    pub(super) async fn help_out(&self) {
        let maps: Api<ConfigMap> = Api::namespaced(self.world.admin(), self.world.namespace());
        let mut map = ConfigMap { data: Some([("key".to_owned(), "value".to_owned())].into()), ..ConfigMap::default() };
        map.metadata.name = Some(CONFIG.to_owned());
        drop(maps.create(&PostParams::default(), &map).await);
        for pod in 0..NAMES {
            self.hold(pod, false).await;
        }
    }

    fn next_value(&mut self) -> String {
        *self.edits += 1;
        self.edits.to_string()
    }
}

fn remember(patched: virtual_kubelet::kube::Result<Pod>, facts: &mut Facts, field: Field, value: &str) {
    // There may be no such pod just now.
    let Ok(pod) = patched else { return };
    let (uid, version) = (pod.metadata.uid.unwrap_or_default(), pod.metadata.resource_version.unwrap_or_default());
    facts.expect(&PodUid::from(uid), &version, field, value);
}

fn manifest(name: &str, node: &str, shape: Shape) -> Value {
    let policy = match shape.policy {
        Policy::Always => "Always",
        Policy::OnFailure => "OnFailure",
        Policy::Never => "Never",
    };
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    let mut app = container("app", "app:1");
    if shape.configured {
        let reference = json!({"configMapKeyRef": {"name": CONFIG, "key": "key"}});
        app["env"] = json!([{"name": "SETTING", "valueFrom": reference}]);
    }
    let mut init = Vec::new();
    let mut containers = vec![app];
    match shape.containers {
        Containers::One => {}
        Containers::Two => containers.push(container("beside", "app:1")),
        Containers::AfterInit => init.push(container("before", "init:1")),
        Containers::AfterFailingInit => init.push(container("before", &format!("{FAILING_IMAGE}:1"))),
        Containers::WithSidecar => {
            init.push(json!({"name": "sidecar", "image": "sidecar:1", "restartPolicy": "Always"}));
        }
        Containers::MissingImage => containers[0]["image"] = json!(format!("{MISSING_IMAGE}:1")),
    }
    let mut tolerations = vec![json!({"operator": "Exists"})];
    if let Some(seconds) = shape.tolerates {
        let key =
            |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds});
        tolerations = vec![key("node.kubernetes.io/unreachable"), key("node.kubernetes.io/not-ready")];
    }
    let mut spec = json!({
        "nodeName": node,
        "restartPolicy": policy,
        "initContainers": init,
        "containers": containers,
        "terminationGracePeriodSeconds": shape.grace,
        "automountServiceAccountToken": false,
        "tolerations": tolerations,
    });
    if let Some(seconds) = shape.deadline {
        spec["activeDeadlineSeconds"] = json!(seconds);
    }
    if shape.gated {
        spec["readinessGates"] = json!([{"conditionType": GATE}]);
    }
    json!({"metadata": {"name": name}, "spec": spec})
}

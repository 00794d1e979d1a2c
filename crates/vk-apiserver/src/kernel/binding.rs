//! `pods/NAME/binding`: what a scheduler does.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Call, Kernel, Reply};
use crate::admission;
use crate::api_error::{ApiError, FieldError};
use crate::clock::{Now, rfc3339_seconds};
use crate::object::Object;
use crate::storage::Key;

impl Kernel {
    pub(super) fn bind(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let binding = call.json_body("Binding", "v1")?;
        if binding.name() != call.path.name {
            return Err(ApiError::bad_request("name in URL does not match name in Binding object"));
        }
        admission::admit_create_below(self, call, &binding)?;
        let node = binding.text("/target/name");
        if node.is_empty() {
            let error = FieldError::required("target.name", "");
            return Err(ApiError::invalid("", "Binding", &call.path.name, &[error]));
        }
        let kind = binding.text("/target/kind");
        if !matches!(kind, "" | "Node") {
            let error = FieldError::not_supported("target.kind", kind, &["Node", "<empty>"]);
            return Err(ApiError::invalid("", "Binding", &call.path.name, &[error]));
        }
        let pod = self
            .storage
            .get("pods", &call.key())
            .cloned()
            .ok_or_else(|| ApiError::not_found(call.resource, &call.path.name))?;
        if !binding.uid().is_empty() && binding.uid() != pod.uid() {
            let why = format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                binding.uid(),
                pod.uid()
            );
            return Err(ApiError::subresource_conflict(call.resource, "binding", pod.name(), &why));
        }
        if let Some(why) = refusal(&pod) {
            return Err(ApiError::subresource_conflict(call.resource, "binding", pod.name(), &why));
        }
        if !call.request.query.is_dry_run() {
            self.bind_pod(&call.key(), node, call.now);
        }
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok(Reply::json(StatusCode::CREATED, &status))
    }

    /// Gives a pod its node, as the binding subresource and the built-in scheduler do.
    pub(crate) fn bind_pod(&mut self, key: &Key, node: &str, now: Now) {
        let Some(mut pod) = self.storage.get("pods", key).map(|pod| Object::clone(pod)) else { return };
        pod.set("/spec/nodeName", node);
        set_scheduled(&mut pod, json!({"type": "PodScheduled", "status": "True"}), now);
        self.put("pods", pod, now);
    }

    /// Tells a pod that no node takes it, as the built-in scheduler does.
    pub(crate) fn set_unschedulable(&mut self, key: &Key, message: &str, now: Now) {
        let Some(pod) = self.storage.get("pods", key).map(Arc::clone) else { return };
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
        let mut told = Object::clone(&pod);
        set_scheduled(&mut told, condition, now);
        if told != *pod {
            self.put("pods", told, now);
        }
    }
}

fn refusal(pod: &Object) -> Option<String> {
    if pod.deletion_timestamp().is_some() {
        return Some(format!("pod {} is being deleted, cannot be assigned to a host", pod.name()));
    }
    let bound = pod.text("/spec/nodeName");
    if !bound.is_empty() {
        return Some(format!("pod {} is already assigned to node {bound:?}", pod.name()));
    }
    if !pod.items("/spec/schedulingGates").is_empty() {
        return Some(format!("pod {} has non-empty .spec.schedulingGates", pod.name()));
    }
    None
}

/// Says whether the pod has found a node. The time is that of the last change of the answer, not of its words.
fn set_scheduled(pod: &mut Object, mut condition: Value, now: Now) {
    let field = |own: &Value, name: &str| own.get(name).cloned();
    let mut conditions = pod.items("/status/conditions").to_vec();
    let place = conditions.iter().position(|own| own.get("type") == condition.get("type"));
    let before = place.map(|index| conditions.remove(index)).unwrap_or_default();
    condition["lastProbeTime"] = Value::Null;
    condition["lastTransitionTime"] = match field(&before, "lastTransitionTime") {
        Some(time) if field(&before, "status") == field(&condition, "status") => time,
        _ => rfc3339_seconds(now.wall).into(),
    };
    conditions.push(condition);
    pod.set("/status/conditions", conditions);
}

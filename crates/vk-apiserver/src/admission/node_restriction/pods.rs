//! What a kubelet may do with pods: create and delete its mirror pods, and report the status of what is bound to it.

use serde_json::Value;

use super::refuse;
use crate::api_error::ApiError;
use crate::kernel::{Call, Kernel};
use crate::object::Object;

pub(super) fn admit_create(kernel: &Kernel, call: &Call<'_>, node: &str, pod: &Object) -> Result<(), ApiError> {
    let refuse = |why: String| Err(refuse(call, pod.name(), &why));
    if pod.annotation("kubernetes.io/config.mirror").is_none() {
        return refuse(format!(
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node {node:?} can only create mirror pods"
        ));
    }
    if pod.text("/spec/nodeName") != node {
        return refuse(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
    }
    let text = |owner: &Value, field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let flag = |owner: &Value, field: &str| owner.get(field).and_then(Value::as_bool).unwrap_or_default();
    let [owner] = pod.items("/metadata/ownerReferences") else {
        return refuse(format!("node {node:?} can only create pods with an owner reference set to itself"));
    };
    if (text(owner, "apiVersion").as_str(), text(owner, "kind").as_str()) != ("v1", "Node")
        || text(owner, "name") != node
    {
        return refuse(format!("node {node:?} can only create pods with an owner reference set to itself"));
    }
    if !flag(owner, "controller") {
        return refuse(format!("node {node:?} can only create pods with a controller owner reference set to itself"));
    }
    if flag(owner, "blockOwnerDeletion") {
        return refuse(format!("node {node:?} must not set blockOwnerDeletion on an owner reference"));
    }
    let known = kernel.storage.find("nodes", "", node).map(|object| object.uid()).unwrap_or_default();
    if text(owner, "uid") != known {
        let given = text(owner, "uid");
        return refuse(format!("node {node} UID mismatch: expected {given} got {known}"));
    }
    Ok(())
}

pub(super) fn admit_status(call: &Call<'_>, node: &str, new: &Object, old: &Object) -> Result<(), ApiError> {
    let refuse = |why: String| Err(refuse(call, old.name(), &why));
    if old.text("/spec/nodeName") != node {
        return refuse(format!("node {node:?} can only update pod status for pods with spec.nodeName set to itself"));
    }
    if new.labels() != old.labels() {
        return refuse(format!("node {node:?} cannot update labels through pod status"));
    }
    if new.items("/status/resourceClaimStatuses") != old.items("/status/resourceClaimStatuses") {
        return refuse(format!("node {node:?} cannot update resource claim statues"));
    }
    if new.at("/status/extendedResourceClaimStatus") != old.at("/status/extendedResourceClaimStatus") {
        return refuse(format!("node {node:?} cannot update extended resource claim status"));
    }
    Ok(())
}

pub(super) fn admit_eviction(kernel: &Kernel, call: &Call<'_>, node: &str) -> Result<(), ApiError> {
    let pod = kernel.storage.get("pods", &call.key());
    match pod {
        None => Err(ApiError::not_found(call.resource, &call.path.name)),
        Some(pod) if pod.text("/spec/nodeName") == node => Ok(()),
        Some(_) => {
            let why = format!("node {node} can only evict pods with spec.nodeName set to itself");
            Err(refuse(call, &call.path.name, &why))
        }
    }
}

//! NodeRestriction (`plugin/pkg/admission/noderestriction`): a kubelet writes its own Node and Lease, and the status of
//! its own pods.

mod labels;
mod pods;
mod tokens;

use serde_json::Value;

use crate::api_error::ApiError;
use crate::kernel::{Call, Kernel};
use crate::object::Object;

pub(super) fn admit_create(kernel: &Kernel, call: &Call<'_>, object: &Object) -> Result<(), ApiError> {
    let Some(node) = call.identity.node_name() else { return Ok(()) };
    match call.resource.plural {
        "pods" => pods::admit_create(kernel, call, node, object),
        "nodes" => {
            own_node(call, node, object.name())?;
            if object.at("/spec/configSource").is_some() {
                let why = format!("node {node:?} is not allowed to create pods with a non-nil configSource");
                return Err(refuse(call, object.name(), &why));
            }
            labels::admit_create(call, node, object)
        }
        "leases" => own_lease(call, node, object),
        _ => Ok(()),
    }
}

pub(super) fn admit_create_below(kernel: &Kernel, call: &Call<'_>, body: &Object) -> Result<(), ApiError> {
    let Some(node) = call.identity.node_name() else { return Ok(()) };
    match (call.resource.plural, call.path.subresource.as_str()) {
        ("pods", "eviction") => pods::admit_eviction(kernel, call, node),
        ("pods", other) => {
            let why = format!("unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed");
            Err(refuse(call, &call.path.name, &why))
        }
        ("serviceaccounts", "token") => tokens::admit(kernel, call, node, body),
        _ => Ok(()),
    }
}

pub(super) fn admit_update(call: &Call<'_>, new: &Object, old: &Object) -> Result<(), ApiError> {
    let Some(node) = call.identity.node_name() else { return Ok(()) };
    match (call.resource.plural, call.path.subresource.as_str()) {
        ("pods", "status") => pods::admit_status(call, node, new, old),
        ("pods", "") => {
            let why = format!(r#"unexpected operation "UPDATE", node {node:?} can only create and delete mirror pods"#);
            Err(refuse(call, old.name(), &why))
        }
        ("pods", other) => {
            let why = format!("unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed");
            Err(refuse(call, old.name(), &why))
        }
        ("nodes", _) => {
            own_node(call, node, old.name())?;
            admit_node_update(call, node, new, old)
        }
        ("persistentvolumeclaims", "status") => admit_claim_status(call, node, new, old),
        ("persistentvolumeclaims", _) => Err(refuse(call, old.name(), "may only update PVC status")),
        ("leases", _) => own_lease(call, node, old),
        _ => Ok(()),
    }
}

pub(super) fn admit_delete(call: &Call<'_>, old: &Object) -> Result<(), ApiError> {
    let Some(node) = call.identity.node_name() else { return Ok(()) };
    match call.resource.plural {
        "pods" if old.text("/spec/nodeName") != node => {
            let why = format!("node {node:?} can only delete pods with spec.nodeName set to itself");
            Err(refuse(call, old.name(), &why))
        }
        "nodes" => own_node(call, node, old.name()),
        "leases" => own_lease(call, node, old),
        _ => Ok(()),
    }
}

fn refuse(call: &Call<'_>, name: &str, why: &str) -> ApiError {
    ApiError::forbidden(call.resource, name, why)
}

fn own_node(call: &Call<'_>, node: &str, name: &str) -> Result<(), ApiError> {
    if name == node {
        return Ok(());
    }
    Err(refuse(call, name, &format!("node {node:?} is not allowed to modify node {name:?}")))
}

fn own_lease(call: &Call<'_>, node: &str, lease: &Object) -> Result<(), ApiError> {
    let why = match (call.path.namespace.as_str(), lease.name()) {
        ("kube-node-lease", name) if name == node => return Ok(()),
        ("kube-node-lease", _) => "can only access node lease with the same name as the requesting node",
        _ => r#"can only access leases in the "kube-node-lease" system namespace"#,
    };
    Err(refuse(call, lease.name(), why))
}

fn admit_node_update(call: &Call<'_>, node: &str, new: &Object, old: &Object) -> Result<(), ApiError> {
    let refuse = |why: String| Err(refuse(call, old.name(), &why));
    if new.at("/spec/configSource").is_some() && new.at("/spec/configSource") != old.at("/spec/configSource") {
        return refuse(format!("node {node:?} is not allowed to update configSource to a new non-nil configSource"));
    }
    if new.items("/spec/taints") != old.items("/spec/taints") {
        return refuse(format!("node {node:?} is not allowed to modify taints"));
    }
    if new.items("/metadata/ownerReferences") != old.items("/metadata/ownerReferences") {
        return refuse(format!("node {node:?} is not allowed to modify ownerReferences"));
    }
    labels::admit_update(call, new, old)
}

/// Of a claim, only the capacity, conditions and allocation in its status.
fn admit_claim_status(call: &Call<'_>, node: &str, new: &Object, old: &Object) -> Result<(), ApiError> {
    let comparable = |claim: &Object| -> Value {
        let mut claim = claim.clone();
        claim.remove("/metadata/resourceVersion");
        for field in ["capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"] {
            claim.remove(&format!("/status/{field}"));
        }
        claim.into_value()
    };
    if comparable(new) == comparable(old) {
        return Ok(());
    }
    let why = format!("node {node:?} is not allowed to update fields other than status.quantity and status.conditions");
    Err(refuse(call, old.name(), &why))
}

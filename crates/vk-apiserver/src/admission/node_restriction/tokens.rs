//! Tokens that a kubelet may ask for: bound to a pod of its own, for an audience that the pod declares.

use serde_json::Value;

use super::refuse;
use crate::api_error::ApiError;
use crate::kernel::{Call, Kernel};
use crate::object::Object;

pub(super) fn admit(kernel: &Kernel, call: &Call<'_>, node: &str, request: &Object) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(refuse(call, &call.path.name, why));
    let pod_name = request.text("/spec/boundObjectRef/name");
    let bound_to_pod = request.text("/spec/boundObjectRef/kind") == "Pod"
        && request.text("/spec/boundObjectRef/apiVersion") == "v1"
        && !pod_name.is_empty();
    if !bound_to_pod {
        return refuse("node requested token not bound to a pod");
    }
    let uid = request.text("/spec/boundObjectRef/uid");
    if uid.is_empty() {
        return refuse("node requested token with a pod binding without a uid");
    }
    let Some(pod) = kernel.storage.find("pods", &call.path.namespace, pod_name) else {
        return Err(ApiError::pod_not_found(pod_name));
    };
    if uid != pod.uid() {
        return refuse(&format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        ));
    }
    if pod.text("/spec/nodeName") != node {
        return refuse("node requested token bound to a pod scheduled on a different node");
    }
    let audience = match request.items("/spec/audiences") {
        [] => "",
        [one] => one.as_str().unwrap_or_default(),
        _ => return refuse("node may only request 0 or 1 audiences"),
    };
    if declares_audience(pod, audience) {
        return Ok(());
    }
    let user = &call.identity.user;
    refuse(&format!(
        "audience {audience:?} not found in pod spec volume, {user} is not authorized to request tokens for this audience"
    ))
}

fn declares_audience(pod: &Object, audience: &str) -> bool {
    pod.items("/spec/volumes")
        .iter()
        .filter_map(|volume| volume.pointer("/projected/sources")?.as_array())
        .flatten()
        .filter_map(|source| source.get("serviceAccountToken"))
        .any(|token| token.get("audience").and_then(Value::as_str).unwrap_or_default() == audience)
}

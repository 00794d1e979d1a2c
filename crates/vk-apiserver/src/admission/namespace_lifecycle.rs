//! NamespaceLifecycle: nothing new in a namespace that is missing or ends.

use serde_json::json;

use crate::api_error::ApiError;
use crate::kernel::{Call, Kernel};
use crate::object::Object;
use crate::resource;

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub(super) fn admit_create(kernel: &Kernel, call: &Call<'_>, name: &str) -> Result<(), ApiError> {
    let Some(namespace) = living_namespace(kernel, call)? else { return Ok(()) };
    if namespace.text("/status/phase") != "Terminating" {
        return Ok(());
    }
    let own = &call.path.namespace;
    let why = format!("unable to create new content in namespace {own} because it is being terminated");
    let cause = json!({
        "reason": "NamespaceTerminating",
        "message": format!("namespace {own} is being terminated"),
        "field": "metadata.namespace",
    });
    Err(ApiError::forbidden(call.resource, name, &why).with_cause(cause))
}

pub(super) fn admit_update(kernel: &Kernel, call: &Call<'_>) -> Result<(), ApiError> {
    living_namespace(kernel, call).map(drop)
}

pub(super) fn admit_delete(call: &Call<'_>, old: &Object) -> Result<(), ApiError> {
    if call.resource.plural == "namespaces" && IMMORTAL.contains(&old.name()) {
        return Err(ApiError::forbidden(call.resource, old.name(), "this namespace may not be deleted"));
    }
    Ok(())
}

fn living_namespace<'kernel>(kernel: &'kernel Kernel, call: &Call<'_>) -> Result<Option<&'kernel Object>, ApiError> {
    if !call.resource.namespaced {
        return Ok(None);
    }
    match kernel.storage.find("namespaces", "", &call.path.namespace) {
        Some(namespace) => Ok(Some(namespace)),
        None => match resource::find("", "namespaces") {
            Some(namespaces) => Err(ApiError::not_found(namespaces, &call.path.namespace)),
            None => Ok(None),
        },
    }
}

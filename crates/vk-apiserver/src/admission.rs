//! What is refused or filled in after authorization and before validation: the admission plugins of a default
//! kube-apiserver that a node agent can meet, in their order.

mod certificates;
mod defaults;
mod namespace_lifecycle;
mod node_restriction;
mod pod_requests;
mod service_account;

use crate::api_error::ApiError;
use crate::kernel::{Call, Kernel};
use crate::object::Object;

/// Admits a new object, with its defaults already filled in.
pub(crate) fn admit_create(kernel: &mut Kernel, call: &Call<'_>, object: &mut Object) -> Result<(), ApiError> {
    namespace_lifecycle::admit_create(kernel, call, object.name())?;
    if call.resource.plural == "pods" && kernel.options.service_account_admission {
        service_account::admit_pod(kernel, call, object)?;
    }
    node_restriction::admit_create(kernel, call, object)?;
    match call.resource.plural {
        "certificatesigningrequests" => {
            certificates::admit(call, object)?;
            certificates::fill_in_requester(call, object);
        }
        "nodes" => defaults::taint_as_not_ready(object),
        "persistentvolumeclaims" => defaults::protect(object, "kubernetes.io/pvc-protection"),
        "persistentvolumes" => defaults::protect(object, "kubernetes.io/pv-protection"),
        "pods" => {
            pod_requests::admit(kernel, call, object)?;
            defaults::priority(object);
            defaults::tolerate_node_problems(object);
        }
        _ => {}
    }
    Ok(())
}

/// Admits something created below an object: a token, a binding, an eviction.
pub(crate) fn admit_create_below(kernel: &Kernel, call: &Call<'_>, body: &Object) -> Result<(), ApiError> {
    namespace_lifecycle::admit_create(kernel, call, &call.path.name)?;
    node_restriction::admit_create_below(kernel, call, body)
}

/// Admits a change.
pub(crate) fn admit_update(kernel: &Kernel, call: &Call<'_>, new: &mut Object, old: &Object) -> Result<(), ApiError> {
    node_restriction::admit_update(call, new, old)?;
    if call.resource.plural == "pods" && call.path.subresource.is_empty() {
        defaults::priority(new);
        defaults::tolerate_node_problems(new);
    }
    namespace_lifecycle::admit_update(kernel, call)
}

/// Admits the removal of an object.
pub(crate) fn admit_delete(_kernel: &Kernel, call: &Call<'_>, old: &Object) -> Result<(), ApiError> {
    namespace_lifecycle::admit_delete(call, old)?;
    node_restriction::admit_delete(call, old)
}

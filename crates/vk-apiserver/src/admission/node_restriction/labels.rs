//! Labels that a kubelet may set on its own Node.

use std::collections::BTreeSet;

use super::refuse;
use crate::api_error::ApiError;
use crate::kernel::Call;
use crate::object::Object;

const ALLOWED: [&str; 11] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
];
const ALLOWED_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

pub(super) fn admit_create(call: &Call<'_>, node: &str, object: &Object) -> Result<(), ApiError> {
    let forbidden = forbidden_changes(object, &Object::default());
    if forbidden.is_empty() {
        return Ok(());
    }
    let why = format!("node {node:?} is not allowed to set the following labels: {}", forbidden.join(", "));
    Err(refuse(call, object.name(), &why))
}

pub(super) fn admit_update(call: &Call<'_>, new: &Object, old: &Object) -> Result<(), ApiError> {
    let forbidden = forbidden_changes(new, old);
    if forbidden.is_empty() {
        return Ok(());
    }
    Err(refuse(call, old.name(), &format!("is not allowed to modify labels: {}", forbidden.join(", "))))
}

fn forbidden_changes(new: &Object, old: &Object) -> Vec<String> {
    let (new, old) = (new.labels(), old.labels());
    let keys: BTreeSet<&str> = new.keys().chain(old.keys()).copied().collect();
    keys.into_iter().filter(|key| new.get(key) != old.get(key) && is_forbidden(key)).map(ToOwned::to_owned).collect()
}

fn is_forbidden(label: &str) -> bool {
    let Some((namespace, _)) = label.split_once('/') else { return false };
    let within = |domain: &str| namespace == domain || namespace.ends_with(&format!(".{domain}"));
    if within("node-restriction.kubernetes.io") {
        return true;
    }
    let reserved = within("kubernetes.io") || within("k8s.io");
    reserved && !ALLOWED.contains(&label) && !ALLOWED_NAMESPACES.iter().any(|domain| within(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_by_domain() {
        for label in [
            "mine",
            "example.com/x",
            "kubernetes.io/os",
            "node.kubernetes.io/exclude-from-external-load-balancers",
            "a.kubelet.kubernetes.io/x",
        ] {
            assert!(!is_forbidden(label), "{label}");
        }
        for label in [
            "kubernetes.io/role",
            "alpha.service-controller.kubernetes.io/exclude-balancer",
            "node-restriction.kubernetes.io/x",
            "node-role.kubernetes.io/agent",
            "type.k8s.io/x",
        ] {
            assert!(is_forbidden(label), "{label}");
        }
    }
}

//! Names of Docker containers: readable, and unique by a hash.

use sha2::{Digest, Sha256};
use vk_pod_engine::runtime::PodIdentity;

use crate::labels::Owner;

/// The readable part is cut here.
const READABLE: usize = 100;
/// Hexadecimal digits of the hash.
const DIGITS: usize = 12;

/// What a Docker container is to its pod. A pod may have a container named `sandbox`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    Sandbox,
    Container(&'a str),
}

/// Name of a Docker container. The same for the same run: a second create finds the first.
pub(crate) fn docker_name(owner: &Owner, pod: &PodIdentity, role: Role<'_>, attempt: u32) -> String {
    // Containers' names are DNS labels, and so not empty.
    let (container, hashed) = match role {
        Role::Sandbox => ("sandbox", ""),
        Role::Container(name) => (name, name),
    };
    let mut hash = Sha256::new();
    for part in [&owner.cluster, &owner.node, pod.uid.as_str(), hashed] {
        hash.update(part);
        hash.update([0]);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let readable: String = format!("{container}_{}_{}", pod.name, pod.namespace).chars().take(READABLE).collect();
    format!("vk_{readable}_{}_{attempt}", &digest[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_bounded_and_differ_by_node() {
        let owner = |node: &str| Owner { cluster: "c".to_owned(), node: node.to_owned() };
        let pod = PodIdentity { uid: "u".into(), namespace: "default".to_owned(), name: "p".repeat(253) };
        let name = docker_name(&owner("a"), &pod, Role::Container("web"), 3);
        assert!(name.starts_with("vk_web_ppp") && name.ends_with("_3") && name.len() < 130, "{name}");
        assert_ne!(name, docker_name(&owner("b"), &pod, Role::Container("web"), 3));
    }

    #[test]
    fn no_container_takes_the_name_of_its_sandbox() {
        let owner = Owner { cluster: "c".to_owned(), node: "n".to_owned() };
        let pod = PodIdentity { uid: "u".into(), namespace: "default".to_owned(), name: "web".to_owned() };
        let sandbox = docker_name(&owner, &pod, Role::Sandbox, 0);
        assert!(sandbox.starts_with("vk_sandbox_web_default_"), "{sandbox}");
        assert_ne!(sandbox, docker_name(&owner, &pod, Role::Container("sandbox"), 0));
    }
}

//! Names of Docker containers: readable, and unique by a hash.

use sha2::{Digest, Sha256};
use vk_pod_engine::runtime::PodIdentity;

use crate::labels::Owner;

/// The readable part is cut here.
const READABLE: usize = 100;
/// Hexadecimal digits of the hash.
const DIGITS: usize = 12;

/// Name of a container, or of the sandbox. The same for the same run: a second create finds the first.
pub(crate) fn container_name(owner: &Owner, pod: &PodIdentity, container: &str, attempt: u32) -> String {
    let mut hash = Sha256::new();
    for part in [&owner.cluster, &owner.node, pod.uid.as_str(), container] {
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
        let name = container_name(&owner("a"), &pod, "web", 3);
        assert!(name.starts_with("vk_web_ppp") && name.ends_with("_3") && name.len() < 130, "{name}");
        assert_ne!(name, container_name(&owner("b"), &pod, "web", 3));
    }
}

//! [`Identity`]: which of the two ways of logging in the agent uses, and what the API server lets it do to its own Node.

use serde::{Deserialize, Serialize};

/// Who the API server takes us for (invariant 10).
///
/// The difference that matters here is the admission plugin NodeRestriction: it restricts the labels that a node may give
/// itself (KEP-279) and forbids it to change its taints once it is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Identity {
    /// `system:node:NAME` in group `system:nodes`.
    Node,
    /// A ServiceAccount or user with our ClusterRole.
    ServiceAccount,
    /// Not known. Everything is tried; a refusal by NodeRestriction tells that it is [`Identity::Node`].
    Unknown,
}

/// Labels outside the namespaces below that NodeRestriction lets a node set on itself.
const KUBELET_LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Namespaces of labels that NodeRestriction lets a node set on itself.
const KUBELET_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

impl Identity {
    /// The identity of a user name, as in `system:node:NAME` or `system:serviceaccount:NAMESPACE:NAME`.
    pub fn of_user(user: &str) -> Self {
        if user.starts_with("system:node:") { Self::Node } else { Self::ServiceAccount }
    }

    /// Whether the label may be set, changed or removed on our own Node.
    pub fn may_label(self, key: &str) -> bool {
        self != Self::Node || node_may_label(key)
    }

    /// Whether taints may be changed after the Node was created.
    pub fn may_change_taints(self) -> bool {
        self != Self::Node
    }
}

fn node_may_label(key: &str) -> bool {
    let Some((namespace, _)) = key.split_once('/') else { return true };
    let within =
        |parent: &str| namespace.strip_suffix(parent).is_some_and(|child| child.is_empty() || child.ends_with('.'));
    if within("node-restriction.kubernetes.io") {
        return false;
    }
    let reserved = within("kubernetes.io") || within("k8s.io");
    !reserved || KUBELET_LABELS.contains(&key) || KUBELET_NAMESPACES.iter().any(|allowed| within(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_name_tells_the_identity() {
        assert_eq!(Identity::of_user("system:node:vk-1"), Identity::Node);
        assert_eq!(Identity::of_user("system:serviceaccount:kube-system:vk"), Identity::ServiceAccount);
        assert_eq!(Identity::of_user("admin"), Identity::ServiceAccount);
    }

    #[test]
    fn a_node_may_set_what_node_restriction_lets_through() {
        for key in [
            "type",
            "example.com/zone",
            "kubernetes.io/hostname",
            "beta.kubernetes.io/os",
            "node.kubernetes.io/exclude-from-external-load-balancers",
            "sub.node.kubernetes.io/x",
            "kubelet.kubernetes.io/x",
            "notkubernetes.io/x",
        ] {
            assert!(Identity::Node.may_label(key), "{key}");
        }
        for key in [
            "kubernetes.io/role",
            "node-role.kubernetes.io/agent",
            "alpha.service-controller.kubernetes.io/exclude-balancer",
            "node-restriction.kubernetes.io/x",
            "team.node-restriction.kubernetes.io/x",
            "x.k8s.io/y",
        ] {
            assert!(!Identity::Node.may_label(key), "{key}");
            assert!(Identity::ServiceAccount.may_label(key), "{key}");
        }
    }
}

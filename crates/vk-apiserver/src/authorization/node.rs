//! The node authorizer (`plugin/pkg/auth/authorizer/node`): a kubelet reads what its pods need, and nothing else.

use super::references::{Vertex, VertexKind};
use super::{Attributes, Decision, NodeGraph, PolicyRule};

/// Decides about a request of a kubelet.
pub(super) fn decide(graph: &NodeGraph, node: &str, ask: &Attributes) -> Decision {
    if ask.path.is_some() {
        return Decision::Deny(String::new());
    }
    let related = |kind| is_related(graph, node, kind, ask);
    match (ask.group.as_str(), ask.resource.as_str()) {
        ("", "secrets") => read_namespaced(ask, || related(VertexKind::Secret)),
        ("", "configmaps") => read_namespaced(ask, || related(VertexKind::ConfigMap)),
        ("", "persistentvolumeclaims") if ask.subresource == "status" => match ask.verb.as_str() {
            "update" | "patch" => related(VertexKind::Claim),
            _ => deny("can only get/update/patch this type"),
        },
        ("", "persistentvolumeclaims") => get_only(ask, || related(VertexKind::Claim)),
        ("", "persistentvolumes") => get_only(ask, || related(VertexKind::Volume)),
        ("", "serviceaccounts") => service_account(ask, || related(VertexKind::ServiceAccount)),
        ("coordination.k8s.io", "leases") => lease(node, ask),
        ("", "nodes") => own_node(node, ask),
        ("", "pods") => pod(node, ask, || related(VertexKind::Pod)),
        _ if static_rules().iter().any(|rule| rule.allows(ask)) => Decision::Allow,
        _ => Decision::Deny(String::new()),
    }
}

fn deny(reason: &str) -> Decision {
    Decision::Deny(reason.to_owned())
}

fn is_related(graph: &NodeGraph, node: &str, kind: VertexKind, ask: &Attributes) -> Decision {
    if ask.name.is_empty() {
        return deny("No Object name found");
    }
    if graph.leads_to(&Vertex::new(kind, &ask.namespace, &ask.name), node) {
        Decision::Allow
    } else {
        Decision::Deny(format!("no relationship found between node '{node}' and this object"))
    }
}

fn read_namespaced(ask: &Attributes, related: impl FnOnce() -> Decision) -> Decision {
    if !matches!(ask.verb.as_str(), "get" | "list" | "watch") {
        return deny("can only read resources of this type");
    }
    if !ask.subresource.is_empty() {
        return deny("cannot read subresource");
    }
    if ask.namespace.is_empty() {
        return deny("can only read namespaced object of this type");
    }
    related()
}

fn get_only(ask: &Attributes, related: impl FnOnce() -> Decision) -> Decision {
    if ask.verb != "get" {
        return deny("can only get individual resources of this type");
    }
    if !ask.subresource.is_empty() {
        return deny("cannot get subresource");
    }
    related()
}

fn service_account(ask: &Attributes, related: impl FnOnce() -> Decision) -> Decision {
    if ask.verb == "get" && ask.subresource.is_empty() {
        return read_namespaced(ask, related);
    }
    if ask.verb != "create" || ask.name.is_empty() {
        return deny("can only create tokens for individual service accounts");
    }
    if ask.subresource != "token" {
        return deny("can only create token subresource of serviceaccount");
    }
    related()
}

fn lease(node: &str, ask: &Attributes) -> Decision {
    if !matches!(ask.verb.as_str(), "get" | "create" | "update" | "patch" | "delete") {
        return deny("can only get, create, update, patch, or delete a node lease");
    }
    if ask.namespace != "kube-node-lease" {
        return deny(r#"can only access leases in the "kube-node-lease" system namespace"#);
    }
    if ask.verb != "create" && ask.name != node {
        return deny("can only access node lease with the same name as the requesting node");
    }
    Decision::Allow
}

/// Names are compared without the graph, so that a kubelet can look for its Node before it exists.
fn own_node(node: &str, ask: &Attributes) -> Decision {
    match (ask.subresource.as_str(), ask.verb.as_str()) {
        ("", "create" | "update" | "patch") | ("status", "update" | "patch") => Decision::Allow,
        ("", "get" | "list" | "watch") if ask.name == node => Decision::Allow,
        ("", "get" | "list" | "watch") if ask.name.is_empty() => {
            Decision::Deny(format!("node '{node}' cannot read all nodes, only its own Node object"))
        }
        ("", "get" | "list" | "watch") => {
            Decision::Deny(format!("node '{node}' cannot read '{}', only its own Node object", ask.name))
        }
        _ => Decision::Deny(String::new()),
    }
}

fn pod(node: &str, ask: &Attributes, related: impl FnOnce() -> Decision) -> Decision {
    match (ask.subresource.as_str(), ask.verb.as_str()) {
        ("", "get") => related(),
        ("", "list" | "watch") if ask.fields.required("spec.nodeName") == Some(node) => Decision::Allow,
        ("", "list" | "watch") if !ask.name.is_empty() => related(),
        ("", "list" | "watch") => deny("can only list/watch pods with spec.nodeName field selector"),
        ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => Decision::Allow,
        _ => Decision::Deny(String::new()),
    }
}

/// `NodeRules` of `bootstrappolicy/policy.go`, those that are not refined above.
fn static_rules() -> [PolicyRule; 8] {
    let read = ["get", "list", "watch"];
    let write_events = ["create", "update", "patch"];
    [
        PolicyRule::resources(&["create"], "authentication.k8s.io", &["tokenreviews"]),
        PolicyRule::resources(
            &["create"],
            "authorization.k8s.io",
            &["subjectaccessreviews", "localsubjectaccessreviews"],
        ),
        PolicyRule::resources(&read, "", &["services"]),
        PolicyRule::resources(&write_events, "", &["events"]),
        PolicyRule::resources(&write_events, "events.k8s.io", &["events"]),
        PolicyRule::resources(
            &["create", "get", "list", "watch"],
            "certificates.k8s.io",
            &["certificatesigningrequests"],
        ),
        PolicyRule::resources(&read, "node.k8s.io", &["runtimeclasses"]),
        PolicyRule::resources(&["get"], "", &["endpoints"]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::FieldSelector;

    fn ask(verb: &str, resource: &str, subresource: &str, namespace: &str, name: &str) -> Attributes {
        Attributes {
            verb: verb.into(),
            group: if resource == "leases" { "coordination.k8s.io".into() } else { String::new() },
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: namespace.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    fn allowed(ask: &Attributes) -> bool {
        decide(&NodeGraph::default(), "n", ask) == Decision::Allow
    }

    #[test]
    fn without_any_pod_a_kubelet_reaches_its_own_node_lease_services_and_events() {
        for (verb, resource, subresource, namespace, name) in [
            ("get", "nodes", "", "", "n"),
            ("patch", "nodes", "status", "", "n"),
            ("create", "nodes", "", "", ""),
            ("update", "leases", "", "kube-node-lease", "n"),
            ("watch", "services", "", "", ""),
            ("create", "events", "", "default", ""),
            ("patch", "pods", "status", "default", "p"),
            ("delete", "pods", "", "default", "p"),
        ] {
            assert!(allowed(&ask(verb, resource, subresource, namespace, name)), "{verb} {resource}/{subresource}");
        }
        for (verb, resource, subresource, namespace, name) in [
            ("delete", "nodes", "", "", "n"),
            ("get", "nodes", "", "", "other"),
            ("list", "nodes", "", "", ""),
            ("get", "leases", "", "kube-node-lease", "other"),
            ("get", "leases", "", "default", "n"),
            ("get", "pods", "", "default", "gone"),
            ("patch", "pods", "", "default", "p"),
            ("list", "events", "", "", ""),
            ("get", "namespaces", "", "", "default"),
            ("list", "secrets", "", "default", ""),
            ("get", "configmaps", "", "kube-system", "extension-apiserver-authentication"),
        ] {
            assert!(!allowed(&ask(verb, resource, subresource, namespace, name)), "{verb} {resource}/{subresource}");
        }
    }

    #[test]
    fn pods_are_listed_by_their_node() {
        let mut list = ask("list", "pods", "", "", "");
        assert!(!allowed(&list));
        list.fields = FieldSelector::parse("metadata.name=x,spec.nodeName=n").unwrap();
        assert!(allowed(&list));
        list.fields = FieldSelector::parse("spec.nodeName=other").unwrap();
        assert!(!allowed(&list));
    }
}

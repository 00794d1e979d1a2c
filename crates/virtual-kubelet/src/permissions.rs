//! Who the API server takes us for, and what that lacks: said at start, not found out hours later.

mod refusals;
mod request;

use std::fmt;
use std::time::Duration;

use http::{Request, header};
use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vk_core::node::Identity;

pub use refusals::{RefusalsLayer, ToldRefusals};
pub use request::RequestAttributes;

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Something that an agent does under a ServiceAccount, and the permission that it needs.
///
/// The list is that of the shipped ClusterRole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// RBAC verb.
    pub verb: &'static str,
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resource.
    pub resource: &'static str,
    /// Subresource; may be empty.
    pub subresource: &'static str,
    /// Namespace it is needed in; empty for all of them.
    pub namespace: &'static str,
    /// What does not work without it.
    pub purpose: &'static str,
}

const fn permission(verb: &'static str, resource: &'static str, purpose: &'static str) -> Permission {
    Permission { verb, group: "", resource, subresource: "", namespace: "", purpose }
}

const fn on(subresource: &'static str, base: Permission) -> Permission {
    Permission { subresource, ..base }
}

const fn lease(verb: &'static str) -> Permission {
    Permission {
        group: "coordination.k8s.io",
        namespace: "kube-node-lease",
        ..permission(verb, "leases", "the node lease")
    }
}

/// Everything that the agent needs.
pub const PERMISSIONS: &[Permission] = &[
    permission("get", "nodes", "registering the node"),
    permission("create", "nodes", "registering the node"),
    permission("patch", "nodes", "keeping the node's labels and taints"),
    permission("list", "nodes", "registering the node"),
    permission("watch", "nodes", "repairing the node"),
    on("status", permission("patch", "nodes", "reporting the node's status")),
    permission("list", "pods", "running pods"),
    permission("watch", "pods", "running pods"),
    permission("delete", "pods", "ending pods"),
    on("status", permission("patch", "pods", "reporting the status of pods")),
    permission("get", "configmaps", "pods that refer to ConfigMaps"),
    permission("list", "configmaps", "following ConfigMaps"),
    permission("watch", "configmaps", "following ConfigMaps"),
    permission("get", "secrets", "pods that refer to Secrets"),
    permission("list", "secrets", "following Secrets"),
    permission("watch", "secrets", "following Secrets"),
    permission("get", "services", "the cluster's id"),
    permission("list", "services", "service environment variables"),
    permission("watch", "services", "service environment variables"),
    permission("get", "persistentvolumeclaims", "pods with persistent volumes"),
    permission("get", "persistentvolumes", "pods with persistent volumes"),
    on("token", permission("create", "serviceaccounts", "pods with a service account token, which are nearly all")),
    permission("create", "events", "Events"),
    permission("patch", "events", "counting Events"),
    lease("get"),
    lease("create"),
    lease("patch"),
    Permission {
        group: "authorization.k8s.io",
        ..permission("create", "subjectaccessreviews", "kubectl logs and exec")
    },
    Permission {
        group: "authentication.k8s.io",
        ..permission("create", "tokenreviews", "clients of the kubelet API with bearer tokens")
    },
];

impl Permission {
    /// Whether it is what lets such a request through.
    fn covers(&self, request: &RequestAttributes) -> bool {
        let wanted = (request.verb, request.group.as_str(), request.resource.as_str(), request.subresource.as_str());
        (self.verb, self.group, self.resource, self.subresource) == wanted
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_rule(f, self.verb, self.resource, self.subresource, self.group, self.namespace)?;
        write!(f, " (needed for {})", self.purpose)
    }
}

fn write_rule(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    resource: &str,
    subresource: &str,
    group: &str,
    namespace: &str,
) -> fmt::Result {
    write!(f, "{verb} {resource}")?;
    if !subresource.is_empty() {
        write!(f, "/{subresource}")?;
    }
    if !group.is_empty() {
        write!(f, ".{group}")?;
    }
    if !namespace.is_empty() {
        write!(f, " in {namespace}")?;
    }
    Ok(())
}

/// Asks the API server who we are (`SelfSubjectReview`).
///
/// # Errors
/// If it does not answer, or refuses.
pub async fn own_user(client: &Client) -> kube::Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        user_info: UserInfo,
    }
    #[derive(Deserialize)]
    struct UserInfo {
        username: String,
    }
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let status: Status = ask(client, "/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await?;
    Ok(status.user_info.username)
}

/// The permissions that this client lacks. Always none for a node's own identity: the node authorizer, which is not asked
/// about things in general, permits what a node needs.
///
/// # Errors
/// If the API server does not answer.
pub async fn missing_permissions(client: &Client, identity: Identity) -> kube::Result<Vec<Permission>> {
    if identity == Identity::Node {
        return Ok(Vec::new());
    }
    let mut missing = Vec::new();
    for permission in PERMISSIONS {
        let attributes = json!({
            "verb": permission.verb,
            "group": permission.group,
            "resource": permission.resource,
            "subresource": permission.subresource,
            "namespace": permission.namespace,
        });
        if !is_allowed(client, attributes).await? {
            missing.push(*permission);
        }
    }
    Ok(missing)
}

/// Whether this client may delete the Node of this name
/// ([`deregister_on_exit`](vk_controller::node::NodeSettings::deregister_on_exit)). Neither identity may by default.
///
/// # Errors
/// If the API server does not answer.
pub async fn may_deregister(client: &Client, node: &str) -> kube::Result<bool> {
    is_allowed(client, json!({ "verb": "delete", "resource": "nodes", "name": node })).await
}

async fn is_allowed(client: &Client, attributes: Value) -> kube::Result<bool> {
    #[derive(Deserialize)]
    struct Status {
        allowed: bool,
    }
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    let status: Status = ask(client, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review).await?;
    Ok(status.allowed)
}

async fn ask<S: DeserializeOwned>(client: &Client, path: &str, review: &Value) -> kube::Result<S> {
    #[derive(Deserialize)]
    struct Review<S> {
        status: S,
    }
    let body = serde_json::to_vec(review).map_err(kube::Error::SerdeError)?;
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(kube::Error::HttpError)?;
    match tokio::time::timeout(PATIENCE, client.request::<Review<S>>(request)).await {
        Ok(review) => review.map(|review| review.status),
        Err(late) => Err(kube::Error::Service(Box::new(late))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_reads_as_a_rule_and_says_what_for() {
        let text = PERMISSIONS.iter().map(ToString::to_string).find(|text| text.contains("token")).unwrap();
        assert!(text.starts_with("create serviceaccounts/token (needed for"), "{text}");
    }
}

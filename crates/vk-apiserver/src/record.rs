//! What was asked of the server: a bounded history for tests.

use jiff::Timestamp;
use serde_json::Value;

use crate::identity::Identity;
use crate::request::{ApiRequest, ResourcePath, Target, Verb};

/// One request and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The server's wall time.
    pub at: Timestamp,
    /// Who asked.
    pub user: String,
    /// The verb as authorization rules write it; a lower-case HTTP method for paths that are no resources.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Plural of the resource; the path itself for paths that are no resources.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name of the object; for lists and watches the name that a field selector asks for.
    pub name: String,
    /// UID of the object of that name when the request came (for a create: of the new object), or empty.
    pub uid: String,
    /// UID that the request itself named: a precondition or `metadata.uid` in the body; or empty.
    pub asked_uid: String,
    /// HTTP status code; 200 for a watch that began.
    pub code: u16,
}

impl RequestRecord {
    pub(crate) fn of(request: &ApiRequest, identity: &Identity, at: Timestamp) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let path = match &request.target {
            Target::Resource(path) => path.clone(),
            Target::Path { path, .. } => ResourcePath {
                verb: Verb::Unknown,
                group: String::new(),
                version: String::new(),
                plural: path.clone(),
                subresource: String::new(),
                namespace: String::new(),
                name: String::new(),
            },
        };
        let verb = match &request.target {
            Target::Path { method, .. } => method.clone(),
            Target::Resource(path) => path.verb.as_str().to_owned(),
        };
        let name = match (path.verb, path.name.as_str()) {
            (Verb::Create, "") => text("/metadata/name"),
            (_, name) => name.to_owned(),
        };
        let asked_uid = match path.verb {
            Verb::Delete => text("/preconditions/uid"),
            Verb::Create if path.subresource == "token" => text("/spec/boundObjectRef/uid"),
            _ => text("/metadata/uid"),
        };
        Self {
            at,
            user: identity.user.clone(),
            verb,
            group: path.group,
            resource: path.plural,
            subresource: path.subresource,
            namespace: path.namespace,
            name,
            uid: String::new(),
            asked_uid,
            code: 0,
        }
    }
}

impl std::fmt::Display for RequestRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        write!(
            formatter,
            "{} {} {} {}{slash}{} {}/{} uid={} -> {}",
            self.at,
            self.user,
            self.verb,
            self.resource,
            self.subresource,
            self.namespace,
            self.name,
            self.uid,
            self.code
        )
    }
}

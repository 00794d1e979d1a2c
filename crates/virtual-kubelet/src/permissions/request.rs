//! What a request to the API server asks for, as authorization there sees it.

use std::fmt;

use http::{Method, Uri};

/// A request's attributes (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#review-your-request-attributes>),
/// without the object's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestAttributes {
    /// RBAC verb; `other` for a method that has none.
    pub verb: &'static str,
    /// API group; empty for the core group.
    pub group: String,
    /// Resource; `none` for what is none, as `/version`.
    pub resource: String,
    /// Subresource; may be empty.
    pub subresource: String,
    /// Namespace; empty where there is none, or where all are meant.
    pub namespace: String,
}

impl RequestAttributes {
    /// Reads them from method and URL.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
        let group = match segments.next() {
            Some("api") => "",
            Some("apis") => segments.next().unwrap_or_default(),
            _ => return Self::of_no_resource(verb(method, uri, true)),
        };
        let below_version: Vec<&str> = segments.skip(1).collect();
        let (namespace, path) = match below_version.as_slice() {
            ["namespaces", namespace, below @ ..] if !below.is_empty() => (*namespace, below),
            all => ("", all),
        };
        let (resource, subresource) = match path {
            [] => return Self::of_no_resource(verb(method, uri, false)),
            [resource] | [resource, _] => (*resource, ""),
            [resource, _, subresource, ..] => (*resource, *subresource),
        };
        Self {
            verb: verb(method, uri, path.len() > 1),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    /// The resource as rules name it, as in `pods/status`.
    pub fn resource_path(&self) -> String {
        match self.subresource.as_str() {
            "" => self.resource.clone(),
            subresource => format!("{}/{subresource}", self.resource),
        }
    }

    fn of_no_resource(verb: &'static str) -> Self {
        let empty = String::new;
        Self { verb, group: empty(), resource: "none".to_owned(), subresource: empty(), namespace: empty() }
    }
}

/// As [`Permission`](super::Permission) writes it: `get leases.coordination.k8s.io in kube-node-lease`.
impl fmt::Display for RequestAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::write_rule(f, self.verb, &self.resource, &self.subresource, &self.group, &self.namespace)
    }
}

fn verb(method: &Method, uri: &Uri, is_named: bool) -> &'static str {
    let is_watch =
        uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true" || part == "watch=1"));
    match *method {
        Method::GET if is_watch => "watch",
        Method::GET if is_named => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PATCH => "patch",
        Method::PUT => "update",
        Method::DELETE => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_without_names() {
        let cases = [
            (Method::GET, "/api/v1/pods?fieldSelector=spec.nodeName%3Dvk", "list pods"),
            (Method::GET, "/api/v1/pods?watch=true&resourceVersion=1", "watch pods"),
            (Method::PATCH, "/api/v1/namespaces/default/pods/web-0/status", "patch pods/status in default"),
            (Method::DELETE, "/api/v1/namespaces/default/pods/web-0", "delete pods in default"),
            (Method::GET, "/api/v1/namespaces/default", "get namespaces"),
            (Method::POST, "/api/v1/namespaces/a/serviceaccounts/b/token", "create serviceaccounts/token in a"),
            (
                Method::GET,
                "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/vk",
                "get leases.coordination.k8s.io in kube-node-lease",
            ),
            (
                Method::POST,
                "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                "create subjectaccessreviews.authorization.k8s.io",
            ),
            (Method::GET, "/version", "get none"),
            (Method::GET, "/apis", "list none"),
        ];
        for (method, uri, attributes) in cases {
            assert_eq!(RequestAttributes::of(&method, &Uri::from_static(uri)).to_string(), attributes, "{uri}");
        }
    }
}

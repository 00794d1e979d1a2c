//! What a request asks for.

use bytes::Bytes;
use http::{Method, Request};

/// A request of the Kubernetes API, read from its method and its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The HTTP method.
    pub method: Method,
    /// Plural of the resource, with its subresource: `pods/status`.
    pub resource: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name of the object, or empty.
    pub name: String,
    /// The query, undecoded.
    pub query: String,
}

impl Asked {
    /// Reads a request; paths that are no resources have an empty one.
    pub fn of(request: &Request<Bytes>) -> Self {
        let mut segments = request.uri().path().split('/').filter(|segment| !segment.is_empty());
        // `/api/VERSION/…` or `/apis/GROUP/VERSION/…`
        let before_resource = if segments.next() == Some("apis") { 2 } else { 1 };
        let mut rest: Vec<&str> = segments.skip(before_resource).collect();
        let mut namespace = "";
        if rest.len() > 2 && rest[0] == "namespaces" {
            namespace = rest[1];
            rest.drain(..2);
        }
        let part = |index: usize| rest.get(index).copied().unwrap_or_default();
        let slash = if part(2).is_empty() { "" } else { "/" };
        Self {
            method: request.method().clone(),
            resource: format!("{}{slash}{}", part(0), part(2)),
            namespace: namespace.to_owned(),
            name: part(1).to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
        }
    }

    /// Whether it is this method on this resource.
    pub fn is(&self, method: &Method, resource: &str) -> bool {
        self.method == method && self.resource == resource
    }

    /// Whether it is a watch of this resource.
    pub fn watches(&self, resource: &str) -> bool {
        self.is(&Method::GET, resource) && self.has("watch=true")
    }

    /// Whether it is a list of this resource.
    pub fn lists(&self, resource: &str) -> bool {
        self.is(&Method::GET, resource) && self.name.is_empty() && !self.has("watch=true")
    }

    /// Whether the query contains this.
    pub fn has(&self, part: &str) -> bool {
        self.query.contains(part)
    }

    /// Whether it changes anything.
    pub fn is_write(&self) -> bool {
        self.method != Method::GET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, uri: &str) -> Asked {
        Asked::of(&Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap())
    }

    #[test]
    fn paths_of_all_kinds_are_read() {
        let status = asked("PATCH", "/api/v1/namespaces/a/pods/b/status?fieldManager=x");
        assert!(status.is(&Method::PATCH, "pods/status") && status.is_write());
        assert_eq!((status.namespace.as_str(), status.name.as_str()), ("a", "b"));
        assert!(asked("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn&watch=true").watches("pods"));
        assert!(asked("GET", "/api/v1/pods?limit=500").lists("pods"));
        let lease = asked("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n");
        assert!(lease.is(&Method::GET, "leases") && !lease.lists("leases") && !lease.is_write());
        assert_eq!(asked("GET", "/api/v1/namespaces/a").resource, "namespaces");
    }
}

//! Paths and verbs, as `apiserver/pkg/endpoints/request/requestinfo.go` reads them.

use http::Method;

use super::Query;
use crate::selector::FieldSelector;

/// What is to be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// GET of one object.
    Get,
    /// GET of a collection.
    List,
    /// GET of a collection with `watch=true`.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH.
    Patch,
    /// DELETE of one object.
    Delete,
    /// DELETE of a collection.
    DeleteCollection,
    /// Any other HTTP method.
    Unknown,
}

impl Verb {
    /// The verb as authorization rules write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Unknown => "",
        }
    }
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// A path below `/api/v1` or `/apis/GROUP/VERSION`.
    Resource(ResourcePath),
    /// Discovery, health, version and everything else; a lower-case HTTP method and the path.
    Path { method: String, path: String },
}

/// A resource path, whether or not such a resource is served.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResourcePath {
    pub(crate) verb: Verb,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    /// The object's name; for lists and watches the name that a field selector asks for.
    pub(crate) name: String,
}

impl Target {
    pub(crate) fn read(method: &Method, path: &str, query: &Query) -> Self {
        match Self::resource(method, path, query) {
            Some(resource) => Self::Resource(resource),
            None => Self::Path { method: method.as_str().to_lowercase(), path: path.to_owned() },
        }
    }

    fn resource(method: &Method, path: &str, query: &Query) -> Option<ResourcePath> {
        let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if path.contains("//") {
            return None;
        }
        let (group, version) = match segments.as_slice() {
            ["api", version, _, ..] => ("", *version),
            ["apis", group, version, _, ..] => (*group, *version),
            _ => return None,
        };
        segments.drain(..if group.is_empty() { 2 } else { 3 });
        let namespace = match segments.as_slice() {
            ["namespaces", _, "status" | "finalize"] => "",
            ["namespaces", namespace, _, ..] => {
                let namespace = *namespace;
                segments.drain(..2);
                namespace
            }
            _ => "",
        };
        let mut segments = segments.into_iter();
        let plural = segments.next()?;
        let name = segments.next().unwrap_or_default();
        let subresource = segments.collect::<Vec<&str>>().join("/");
        let verb = verb_of(method, name, query);
        let selected = || {
            let selector = FieldSelector::parse(query.text("fieldSelector")).ok()?;
            selector.required("metadata.name").map(ToOwned::to_owned)
        };
        let name = match verb {
            Verb::List | Verb::Watch if name.is_empty() => selected().unwrap_or_default(),
            _ => name.to_owned(),
        };
        Some(ResourcePath {
            verb,
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            subresource,
            namespace: namespace.to_owned(),
            name,
        })
    }
}

fn verb_of(method: &Method, name: &str, query: &Query) -> Verb {
    match *method {
        Method::GET | Method::HEAD if name.is_empty() && query.flag("watch") => Verb::Watch,
        Method::GET | Method::HEAD if name.is_empty() => Verb::List,
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if name.is_empty() => Verb::DeleteCollection,
        Method::DELETE => Verb::Delete,
        _ => Verb::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, path: &str, query: &str) -> Target {
        Target::read(&method, path, &Query::read(query))
    }

    fn shown(target: &Target) -> String {
        match target {
            Target::Resource(r) => format!(
                "{} {}/{} {} {} ns={} name={}",
                r.verb.as_str(),
                r.group,
                r.version,
                r.plural,
                r.subresource,
                r.namespace,
                r.name
            ),
            Target::Path { method, path } => format!("{method} {path}"),
        }
    }

    #[test]
    fn paths_and_verbs() {
        for (method, path, query, expected) in [
            (Method::GET, "/api/v1/pods", "", "list /v1 pods  ns= name="),
            (Method::GET, "/api/v1/pods", "watch=1", "watch /v1 pods  ns= name="),
            (Method::GET, "/api/v1/namespaces/a/pods/p", "", "get /v1 pods  ns=a name=p"),
            (Method::PATCH, "/api/v1/namespaces/a/pods/p/status", "", "patch /v1 pods status ns=a name=p"),
            (Method::PUT, "/api/v1/namespaces/a/status", "", "update /v1 namespaces status ns= name=a"),
            (Method::DELETE, "/api/v1/namespaces/a", "", "delete /v1 namespaces  ns= name=a"),
            (Method::DELETE, "/api/v1/namespaces/a/pods", "", "deletecollection /v1 pods  ns=a name="),
            (Method::POST, "/api/v1/nodes", "", "create /v1 nodes  ns= name="),
            (
                Method::GET,
                "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n",
                "",
                "get coordination.k8s.io/v1 leases  ns=kube-node-lease name=n",
            ),
            (Method::GET, "/api/v1/nodes", "fieldSelector=metadata.name%3Dn", "list /v1 nodes  ns= name=n"),
            (Method::GET, "/api/v1", "", "get /api/v1"),
            (Method::GET, "/healthz", "", "get /healthz"),
        ] {
            assert_eq!(shown(&read(method, path, query)), expected);
        }
    }
}

//! Rules as in RBAC (Kubernetes documentation, "Using RBAC Authorization").

use super::Attributes;

/// One rule of a ClusterRole: what it names is allowed. `*` stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRule {
    /// Verbs, for example `get`.
    pub verbs: Vec<String>,
    /// API groups; the empty name is the core group.
    pub api_groups: Vec<String>,
    /// Resources, for example `pods` or `pods/status`.
    pub resources: Vec<String>,
    /// Names of objects; none means all.
    pub resource_names: Vec<String>,
    /// Paths that are no resources; `/apis/*` matches everything below.
    pub non_resource_urls: Vec<String>,
}

impl PolicyRule {
    /// Allows verbs on resources of one group.
    #[must_use]
    pub fn resources(verbs: &[&str], group: &str, resources: &[&str]) -> Self {
        Self { verbs: owned(verbs), api_groups: owned(&[group]), resources: owned(resources), ..Self::default() }
    }

    /// Allows verbs on paths that are no resources.
    #[must_use]
    pub fn paths(verbs: &[&str], urls: &[&str]) -> Self {
        Self { verbs: owned(verbs), non_resource_urls: owned(urls), ..Self::default() }
    }

    /// Restricts the rule to objects of these names.
    #[must_use]
    pub fn named(mut self, names: &[&str]) -> Self {
        self.resource_names = owned(names);
        self
    }

    pub(super) fn everything() -> Self {
        Self { non_resource_urls: owned(&["*"]), ..Self::resources(&["*"], "*", &["*"]) }
    }

    pub(super) fn allows(&self, attributes: &Attributes) -> bool {
        if !contains(&self.verbs, &attributes.verb) {
            return false;
        }
        match &attributes.path {
            Some(path) => self.non_resource_urls.iter().any(|url| url_matches(url, path)),
            None => {
                contains(&self.api_groups, &attributes.group)
                    && self.resources.iter().any(|resource| resource_matches(resource, attributes))
                    && (self.resource_names.is_empty() || self.resource_names.contains(&attributes.name))
            }
        }
    }
}

/// What every authenticated user may do: `system:basic-user`, `system:discovery`, `system:public-info-viewer`.
pub(super) fn for_everybody() -> Vec<PolicyRule> {
    let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    let urls = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    vec![
        PolicyRule::resources(&["create"], "authorization.k8s.io", &reviews),
        PolicyRule::resources(&["create"], "authentication.k8s.io", &["selfsubjectreviews"]),
        PolicyRule::paths(&["get"], &urls),
    ]
}

/// What anybody may do who reaches the server: `system:public-info-viewer`.
pub(super) fn for_strangers() -> Vec<PolicyRule> {
    vec![PolicyRule::paths(&["get"], &["/healthz", "/livez", "/readyz", "/version", "/version/"])]
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn contains(allowed: &[String], wanted: &str) -> bool {
    allowed.iter().any(|one| one == "*" || one == wanted)
}

fn resource_matches(rule: &str, attributes: &Attributes) -> bool {
    match rule.strip_prefix("*/") {
        Some(subresource) => subresource == attributes.subresource,
        None => rule == "*" || rule == attributes.resource_with_subresource(),
    }
}

fn url_matches(rule: &str, path: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => rule == path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(verb: &str, resource: &str, subresource: &str, name: &str) -> Attributes {
        Attributes {
            verb: verb.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn a_resource_does_not_include_its_subresources() {
        let rule = PolicyRule::resources(&["get"], "", &["pods"]);
        assert!(rule.allows(&ask("get", "pods", "", "p")));
        assert!(!rule.allows(&ask("get", "pods", "status", "p")));
        assert!(!rule.allows(&ask("list", "pods", "", "")));
        assert!(PolicyRule::resources(&["*"], "", &["*/status"]).allows(&ask("patch", "pods", "status", "p")));
    }

    #[test]
    fn names_restrict() {
        let rule = PolicyRule::resources(&["get"], "", &["configmaps"]).named(&["a"]);
        assert!(rule.allows(&ask("get", "configmaps", "", "a")));
        assert!(!rule.allows(&ask("get", "configmaps", "", "b")));
    }
}

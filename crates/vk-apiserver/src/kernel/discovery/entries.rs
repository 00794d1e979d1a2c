//! What discovery tells of: every resource that is served, stored or not.

use crate::resource::{REGISTRY, Resource};

/// The version of every group of reviews.
const REVIEW_VERSION: &str = "v1";
/// Reviews, served and never stored: group, plural, kind, whether they live in namespaces.
const REVIEWS: [(&str, &str, &str, bool); 6] = [
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", false),
    ("authentication.k8s.io", "tokenreviews", "TokenReview", false),
    ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", true),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false),
];

const ALL_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// Namespaces go one by one.
const NAMESPACE_VERBS: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const PART_VERBS: &[&str] = &["get", "patch", "update"];

/// An API group and the one version of it that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupVersion {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
}

/// A resource, as clients get to know it.
pub(super) struct Entry {
    pub(super) of: GroupVersion,
    pub(super) plural: &'static str,
    pub(super) singular: String,
    pub(super) kind: &'static str,
    pub(super) namespaced: bool,
    pub(super) verbs: &'static [&'static str],
    pub(super) short_names: &'static [&'static str],
    pub(super) categories: &'static [&'static str],
    pub(super) subresources: Vec<Subresource>,
}

/// A subresource.
pub(super) struct Subresource {
    pub(super) name: &'static str,
    /// Where its kind comes from, if not from the resource's own group.
    pub(super) of: Option<GroupVersion>,
    pub(super) kind: &'static str,
    pub(super) verbs: &'static [&'static str],
}

/// Every group but the core group, in the order of their names.
pub(super) fn groups() -> Vec<GroupVersion> {
    let stored = REGISTRY.iter().map(group_version);
    let reviews = REVIEWS.iter().map(|(group, ..)| GroupVersion { group, version: REVIEW_VERSION });
    let mut groups: Vec<GroupVersion> = stored.chain(reviews).filter(|served| !served.group.is_empty()).collect();
    groups.sort();
    groups.dedup();
    groups
}

/// Every resource of a group in a version.
pub(super) fn entries(group: &str, version: &str) -> Vec<Entry> {
    let stored = REGISTRY.iter().map(stored);
    let reviews = REVIEWS.iter().map(|(group, plural, kind, namespaced)| Entry {
        of: GroupVersion { group, version: REVIEW_VERSION },
        plural,
        singular: kind.to_lowercase(),
        kind,
        namespaced: *namespaced,
        verbs: &["create"],
        short_names: &[],
        categories: &[],
        subresources: Vec::new(),
    });
    stored.chain(reviews).filter(|entry| entry.of.group == group && entry.of.version == version).collect()
}

fn group_version(resource: &Resource) -> GroupVersion {
    GroupVersion { group: resource.group, version: resource.version }
}

fn stored(resource: &'static Resource) -> Entry {
    Entry {
        of: group_version(resource),
        plural: resource.plural,
        singular: resource.singular.to_owned(),
        kind: resource.kind,
        namespaced: resource.namespaced,
        verbs: if resource.storage == "namespaces" { NAMESPACE_VERBS } else { ALL_VERBS },
        short_names: resource.short_names,
        categories: resource.categories,
        subresources: resource.subresources.iter().map(|name| subresource(resource, name)).collect(),
    }
}

fn subresource(resource: &'static Resource, name: &'static str) -> Subresource {
    let of_other = |group, version| Some(GroupVersion { group, version });
    let (of, kind, verbs): (_, _, &[&str]) = match name {
        "binding" => (None, "Binding", &["create"]),
        "eviction" => (of_other("policy", "v1"), "Eviction", &["create"]),
        "token" => (of_other("authentication.k8s.io", "v1"), "TokenRequest", &["create"]),
        "finalize" => (None, resource.kind, &["update"]),
        _ => (None, resource.kind, PART_VERBS),
    };
    Subresource { name, of, kind, verbs }
}

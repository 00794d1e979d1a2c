//! Discovery in documents of one group each, as it was before Kubernetes 1.26.

use serde_json::{Value, json};

use super::entries::{Entry, GroupVersion, Subresource, entries, groups};

pub(super) fn versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// All groups.
pub(super) fn group_list() -> Value {
    let groups: Vec<Value> = groups().into_iter().map(described).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// One group; `None` if it is not served.
pub(super) fn group(name: &str) -> Option<Value> {
    let mut group = described(groups().into_iter().find(|served| served.group == name)?);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

/// The resources of a group in a version; `None` if it has none.
pub(super) fn resource_list(group: &str, version: &str) -> Option<Value> {
    let entries = entries(group, version);
    if entries.is_empty() {
        return None;
    }
    let resources: Vec<Value> = entries.iter().flat_map(with_subresources).collect();
    let mut list = json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources});
    // kube-apiserver says no version of this document where it was older than versions of documents.
    if !group.is_empty() {
        list["groupVersion"] = format!("{group}/{version}").into();
        list["apiVersion"] = "v1".into();
    }
    Some(list)
}

fn described(GroupVersion { group, version }: GroupVersion) -> Value {
    let preferred = json!({"groupVersion": format!("{group}/{version}"), "version": version});
    json!({"name": group, "versions": [preferred], "preferredVersion": preferred})
}

fn with_subresources(entry: &Entry) -> Vec<Value> {
    let mut main = json!({
        "name": entry.plural, "singularName": entry.singular, "namespaced": entry.namespaced, "kind": entry.kind,
        "verbs": entry.verbs,
    });
    for (field, names) in [("shortNames", entry.short_names), ("categories", entry.categories)] {
        if !names.is_empty() {
            main[field] = names.into();
        }
    }
    let below = entry.subresources.iter().map(|subresource| below(entry, subresource));
    std::iter::once(main).chain(below).collect()
}

fn below(entry: &Entry, subresource: &Subresource) -> Value {
    let mut described = json!({
        "name": format!("{}/{}", entry.plural, subresource.name), "singularName": "", "namespaced": entry.namespaced,
        "kind": subresource.kind, "verbs": subresource.verbs,
    });
    if let Some(GroupVersion { group, version }) = subresource.of {
        described["group"] = group.into();
        described["version"] = version.into();
    }
    described
}

//! Discovery in two documents for everything (KEP-3352).

use serde_json::{Value, json};

use super::entries::{Entry, GroupVersion, Subresource, entries, groups};

/// The media type of these documents: clients tell by it what they got.
pub(super) const MEDIA_TYPE: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The core group, at `/api`.
pub(super) fn core() -> Value {
    list(vec![GroupVersion { group: "", version: "v1" }])
}

/// All other groups, at `/apis`.
pub(super) fn named_groups() -> Value {
    list(groups())
}

fn list(groups: Vec<GroupVersion>) -> Value {
    let items: Vec<Value> = groups.into_iter().map(group).collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn group(served: GroupVersion) -> Value {
    let metadata = if served.group.is_empty() { json!({}) } else { json!({"name": served.group}) };
    let resources: Vec<Value> = entries(served.group, served.version).iter().map(resource).collect();
    json!({
        "metadata": metadata,
        "versions": [{"version": served.version, "resources": resources, "freshness": "Current"}],
    })
}

fn resource(entry: &Entry) -> Value {
    let mut described = json!({
        "resource": entry.plural, "responseKind": kind(None, entry.kind),
        "scope": if entry.namespaced { "Namespaced" } else { "Cluster" }, "singularResource": entry.singular,
        "verbs": entry.verbs,
    });
    for (field, names) in [("shortNames", entry.short_names), ("categories", entry.categories)] {
        if !names.is_empty() {
            described[field] = names.into();
        }
    }
    if !entry.subresources.is_empty() {
        described["subresources"] = entry.subresources.iter().map(below).collect();
    }
    described
}

fn below(subresource: &Subresource) -> Value {
    let kind = kind(subresource.of, subresource.kind);
    json!({"subresource": subresource.name, "responseKind": kind, "verbs": subresource.verbs})
}

/// A kind; of the resource's own group where nothing is said.
fn kind(of: Option<GroupVersion>, kind: &str) -> Value {
    let (group, version) = of.map(|of| (of.group, of.version)).unwrap_or_default();
    json!({"group": group, "version": version, "kind": kind})
}

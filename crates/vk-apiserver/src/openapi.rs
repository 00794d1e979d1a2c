//! OpenAPI documents: what `kubectl explain`, `apply` and `create` want to know of the kinds, and which requests there
//! are for them (Kubernetes documentation, "The Kubernetes API").
//!
//! The schemas are those of `k8s-openapi`. They do not tell by which keys lists merge, so a strategic merge patch is not
//! among the patches that the documents name: kubectl falls back on its own knowledge of the kinds then, which is right.

mod kinds;
mod operations;
mod schemas;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use kinds::KINDS;

/// One document for each group and version, by its path below `/openapi/v3`.
static DOCUMENTS: LazyLock<BTreeMap<String, Bytes>> = LazyLock::new(|| {
    let documents = group_versions().into_iter().map(|(group, version)| {
        let document = document(operations::paths(group), schemas::of_group(group));
        (base(group, version).trim_start_matches('/').to_owned(), document.to_string().into())
    });
    documents.collect()
});

/// `/openapi/v3`: where the documents are. The hash changes with the document, so that clients can keep it.
static INDEX: LazyLock<Bytes> = LazyLock::new(|| {
    let paths: Map<String, Value> = DOCUMENTS
        .iter()
        .map(|(path, document)| {
            let mut hasher = DefaultHasher::new();
            document.hash(&mut hasher);
            let url = format!("/openapi/v3/{path}?hash={:016X}", hasher.finish());
            (path.clone(), json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths}).to_string().into()
});

/// `/openapi/v2`: everything in one document.
static VERSION_2: LazyLock<Bytes> = LazyLock::new(|| {
    let groups = || group_versions().into_iter().map(|(group, _)| group);
    let paths: Map<String, Value> = groups().flat_map(operations::paths_of_version_2).collect();
    let definitions: Map<String, Value> = groups().flat_map(schemas::of_group).collect();
    let mut document = json!({"swagger": "2.0", "info": info(), "paths": paths, "definitions": definitions});
    schemas::refer_to_definitions(&mut document);
    document.to_string().into()
});

/// The document at a path below `/openapi`.
pub(crate) fn find(path: &[&str]) -> Option<Bytes> {
    match path {
        ["v2"] => Some(VERSION_2.clone()),
        ["v3"] => Some(INDEX.clone()),
        ["v3", rest @ ..] => DOCUMENTS.get(&rest.join("/")).cloned(),
        _ => None,
    }
}

/// Whether a client takes JSON. Documents in protobuf are not served.
pub(crate) fn accepts_json(accept: &str) -> bool {
    let media = |range: &str| range.split(';').next().unwrap_or_default().trim().to_owned();
    accept.trim().is_empty()
        || accept.split(',').any(|range| matches!(media(range).as_str(), "application/json" | "application/*" | "*/*"))
}

fn group_versions() -> Vec<(&'static str, &'static str)> {
    let mut found: Vec<_> = KINDS.iter().map(|kind| (kind.group, kind.version)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The path of a group.
fn base(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

fn info() -> Value {
    json!({"title": "Kubernetes", "version": "v1.36.3"})
}

fn document(paths: Map<String, Value>, schemas: Map<String, Value>) -> Value {
    json!({"openapi": "3.0.0", "info": info(), "paths": paths, "components": {"schemas": schemas}})
}

#[cfg(test)]
mod tests;

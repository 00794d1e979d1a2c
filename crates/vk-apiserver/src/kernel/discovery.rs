//! Paths that are no resources: health, version, discovery.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::dispatch::not_allowed;
use super::{Kernel, Reply};
use crate::api_error::ApiError;
use crate::resource::{REGISTRY, Resource};

/// Reviews: served, never stored.
const REVIEWS: [(&str, &str, &str, bool); 5] = [
    ("authentication.k8s.io", "tokenreviews", "TokenReview", false),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", false),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
    ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", true),
];

impl Kernel {
    pub(super) fn serve_path(&self, method: &str, path: &str) -> Result<Reply, ApiError> {
        if path.contains("//") {
            return Ok(Reply::page_not_found());
        }
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if let ["healthz" | "livez" | "readyz", ..] = segments.as_slice() {
            return Ok(Reply::text("ok"));
        }
        if !matches!(method, "get" | "head") {
            return Err(not_allowed());
        }
        match segments.as_slice() {
            ["version"] => Ok(Reply::json(StatusCode::OK, &version())),
            ["api"] => Ok(Reply::json(
                StatusCode::OK,
                &json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
            )),
            ["apis"] => Ok(Reply::json(StatusCode::OK, &group_list())),
            ["api", "v1"] => resource_list("", "v1"),
            ["apis", group] => Ok(match group_document(group) {
                Some(group) => Reply::json(StatusCode::OK, &group),
                None => Reply::page_not_found(),
            }),
            ["apis", group, version] => resource_list(group, version),
            _ => Ok(Reply::page_not_found()),
        }
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": "linux/amd64",
    })
}

fn groups() -> BTreeMap<&'static str, &'static str> {
    let stored = REGISTRY.iter().map(|resource| (resource.group, resource.version));
    let reviews = REVIEWS.iter().map(|(group, ..)| (*group, "v1"));
    stored.chain(reviews).filter(|(group, _)| !group.is_empty()).collect()
}

fn group_document(name: &str) -> Option<Value> {
    let version = *groups().get(name)?;
    let preferred = json!({"groupVersion": format!("{name}/{version}"), "version": version});
    Some(json!({
        "kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [preferred], "preferredVersion": preferred,
    }))
}

fn group_list() -> Value {
    let groups: Vec<Value> = groups().keys().filter_map(|name| group_document(name)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn resource_list(group: &str, version: &str) -> Result<Reply, ApiError> {
    let mut resources: Vec<Value> = REGISTRY
        .iter()
        .filter(|resource| resource.group == group && resource.version == version)
        .flat_map(entries)
        .collect();
    resources.extend(REVIEWS.iter().filter(|(own, ..)| *own == group && version == "v1").map(
        |(_, plural, kind, namespaced)| {
            json!({"name": plural, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind, "verbs": ["create"]})
        },
    ));
    if resources.is_empty() {
        let known = group.is_empty() || groups().contains_key(group);
        return if known { Err(ApiError::path_not_found()) } else { Ok(Reply::page_not_found()) };
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let list =
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources});
    Ok(Reply::json(StatusCode::OK, &list))
}

fn entries(resource: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    });
    if !resource.short_names.is_empty() {
        main["shortNames"] = json!(resource.short_names);
    }
    let below = resource.subresources.iter().map(|subresource| {
        let (kind, verbs): (&str, &[&str]) = match *subresource {
            "binding" => ("Binding", &["create"]),
            "eviction" => ("Eviction", &["create"]),
            "token" => ("TokenRequest", &["create"]),
            "finalize" => (resource.kind, &["update"]),
            _ => (resource.kind, &["get", "patch", "update"]),
        };
        json!({
            "name": format!("{}/{subresource}", resource.plural), "singularName": "",
            "namespaced": resource.namespaced, "kind": kind, "verbs": verbs,
        })
    });
    std::iter::once(main.clone()).chain(below).collect()
}

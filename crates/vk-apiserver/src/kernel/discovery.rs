//! Paths that are no resources: health, version, discovery, OpenAPI.

mod aggregated;
mod entries;
mod legacy;

use http::StatusCode;
use serde_json::{Value, json};

use super::dispatch::not_allowed;
use super::{Kernel, Reply};
use crate::api_error::ApiError;
use crate::request::accepts_aggregated_discovery;

impl Kernel {
    pub(super) fn serve_path(&self, method: &str, path: &str, accept: &str) -> Result<Reply, ApiError> {
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
        let aggregated = accepts_aggregated_discovery(accept);
        match segments.as_slice() {
            ["version"] => Ok(Reply::json(StatusCode::OK, &version())),
            ["api"] if aggregated => Ok(Reply::json_as(aggregated::MEDIA_TYPE, &aggregated::core())),
            ["apis"] if aggregated => Ok(Reply::json_as(aggregated::MEDIA_TYPE, &aggregated::named_groups())),
            ["api"] => Ok(Reply::json(StatusCode::OK, &legacy::versions())),
            ["apis"] => Ok(Reply::json(StatusCode::OK, &legacy::group_list())),
            ["apis", group] => {
                Ok(legacy::group(group).map_or_else(Reply::page_not_found, |group| Reply::json(StatusCode::OK, &group)))
            }
            ["api", version] => resource_list("", version),
            ["apis", group, version] => resource_list(group, version),
            #[cfg(feature = "serve")]
            ["openapi", below @ ..] => match crate::openapi::find(below) {
                Some(_) if !crate::openapi::accepts_json(accept) => Err(ApiError::not_acceptable()),
                Some(document) => Ok(Reply::document(document)),
                None => Ok(Reply::page_not_found()),
            },
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

fn resource_list(group: &str, version: &str) -> Result<Reply, ApiError> {
    match legacy::resource_list(group, version) {
        Some(list) => Ok(Reply::json(StatusCode::OK, &list)),
        None if group.is_empty() || legacy::group(group).is_some() => Err(ApiError::path_not_found()),
        None => Ok(Reply::page_not_found()),
    }
}

//! Bodies: which formats are read, and the options of a DELETE.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::Query;
use crate::api_error::ApiError;

/// The format of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    Json,
    JsonPatch,
    MergePatch,
    StrategicMergePatch,
    Apply,
    Other(String),
}

impl ContentType {
    pub(crate) fn read(header: &str) -> Self {
        match header.split(';').next().unwrap_or_default().trim() {
            "" | "application/json" => Self::Json,
            "application/json-patch+json" => Self::JsonPatch,
            "application/merge-patch+json" => Self::MergePatch,
            "application/strategic-merge-patch+json" => Self::StrategicMergePatch,
            "application/apply-patch+yaml" | "application/apply-patch+cbor" => Self::Apply,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Refuses everything but JSON objects.
    pub(crate) fn require_json(&self) -> Result<(), ApiError> {
        match self {
            Self::Json => Ok(()),
            Self::Other(other) => Err(ApiError::unsupported_media_type(format!(
                "the body of the request was in an unknown format - {other:?} - accepted media types include: application/json"
            ))),
            _ => Err(ApiError::unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: application/json",
            )),
        }
    }
}

/// `metav1.DeleteOptions`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DeleteOptions {
    pub(crate) grace_period_seconds: Option<i64>,
    pub(crate) preconditions: Option<Preconditions>,
    pub(crate) propagation_policy: Option<String>,
    pub(crate) orphan_dependents: Option<bool>,
    pub(crate) dry_run: Vec<String>,
}

/// What must hold for the object that is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Preconditions {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
}

impl DeleteOptions {
    /// From the body if there is one, else from the query.
    pub(crate) fn read(body: &Bytes, query: &Query) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self {
                grace_period_seconds: query.number("gracePeriodSeconds")?,
                preconditions: None,
                propagation_policy: query.get("propagationPolicy").map(ToOwned::to_owned),
                orphan_dependents: query.get("orphanDependents").map(|_| query.flag("orphanDependents")),
                dry_run: query.get("dryRun").map(|value| vec![value.to_owned()]).unwrap_or_default(),
            });
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}")))?;
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or("DeleteOptions");
        if kind != "DeleteOptions" {
            return Err(ApiError::bad_request(format!("decoded object cannot be converted to DeleteOptions: {kind}")));
        }
        serde_json::from_value(value).map_err(|error| ApiError::bad_request(error.to_string()))
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run.iter().any(|value| value == "All")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_from_the_body_or_from_the_query() {
        let body = Bytes::from_static(br#"{"gracePeriodSeconds": 3, "preconditions": {"uid": "u"}}"#);
        let options = DeleteOptions::read(&body, &Query::read("gracePeriodSeconds=9")).unwrap();
        assert_eq!(options.grace_period_seconds, Some(3));
        assert_eq!(options.preconditions.unwrap().uid.as_deref(), Some("u"));
        let options = DeleteOptions::read(&Bytes::new(), &Query::read("gracePeriodSeconds=9")).unwrap();
        assert_eq!(options.grace_period_seconds, Some(9));
        assert!(DeleteOptions::read(&Bytes::from_static(b"{"), &Query::default()).is_err());
        assert!(DeleteOptions::read(&Bytes::from_static(br#"{"kind": "Pod"}"#), &Query::default()).is_err());
    }
}

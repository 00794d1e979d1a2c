//! Bodies: which formats are read, and the options of a DELETE.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{Query, options};
use crate::api_error::{ApiError, FieldError};

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

    /// Whether this is a patch that can be applied here.
    pub(crate) fn is_patch(&self) -> bool {
        matches!(self, Self::JsonPatch | Self::MergePatch | Self::StrategicMergePatch)
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
    /// What is wrong with the options (`ValidateDeleteOptions`).
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let mut errors = Vec::new();
        let policy = self.propagation_policy.as_deref();
        if self.orphan_dependents.is_some() && policy.is_some() {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid("propagationPolicy", policy.unwrap_or_default(), detail));
        }
        if let Some(policy) = policy.filter(|policy| !matches!(*policy, "Foreground" | "Background" | "Orphan")) {
            let supported = ["Foreground", "Background", "Orphan", "nil"];
            errors.push(FieldError::not_supported("propagationPolicy", policy, &supported));
        }
        let dry_run: Vec<&str> = self.dry_run.iter().map(String::as_str).collect();
        errors.extend(options::dry_run(&dry_run));
        if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid("meta.k8s.io", "DeleteOptions", "", &errors)) }
    }

    /// From the body if there is one, else from the query.
    pub(crate) fn read(body: &Bytes, query: &Query) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self {
                grace_period_seconds: query.number("gracePeriodSeconds")?,
                preconditions: None,
                propagation_policy: query.get("propagationPolicy").map(ToOwned::to_owned),
                orphan_dependents: query.get("orphanDependents").map(|_| query.flag("orphanDependents")),
                dry_run: query.all("dryRun").into_iter().map(ToOwned::to_owned).collect(),
            });
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}")))?;
        if !value.is_object() {
            return Err(ApiError::bad_request(
                "couldn't get version/kind; json parse error: the document is no object",
            ));
        }
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

//! Errors as the API server words them: an HTTP code and a `metav1.Status`.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::resource::Resource;

/// A refused request. Codes, reasons and messages are those of `k8s.io/apimachinery/pkg/api/errors`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The HTTP status code.
    pub code: StatusCode,
    /// `metav1.Status.reason`; empty for errors that the server did not expect.
    pub reason: &'static str,
    /// The sentence for people.
    pub message: String,
    /// `metav1.Status.details`.
    pub details: Map<String, Value>,
    /// `Retry-After` in seconds, as header and in the details.
    pub retry_after: Option<u32>,
    /// Whether details are written even when there are none (`NewGenericServerResponse`).
    generic: bool,
    /// `metadata.continue` of the answer.
    next_page: Option<String>,
}

impl ApiError {
    pub(crate) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Map::new(),
            retry_after: None,
            generic: false,
            next_page: None,
        }
    }

    fn generic(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { generic: true, ..Self::new(code, reason, message) }
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                self.details.insert(key.into(), value.into());
            }
        }
        self
    }

    pub(crate) fn with_cause(mut self, cause: Value) -> Self {
        match self.details.get_mut("causes").and_then(Value::as_array_mut) {
            Some(causes) => causes.push(cause),
            None => {
                self.details.insert("causes".into(), json!([cause]));
            }
        }
        self
    }

    /// Where a list goes on whose snapshot is gone.
    pub(crate) fn with_continue(mut self, token: String) -> Self {
        self.next_page = Some(token);
        self
    }

    pub(crate) fn with_retry_after(mut self, seconds: u32) -> Self {
        self.details.insert("retryAfterSeconds".into(), seconds.into());
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.qualified());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(resource.group, resource.plural, name)
    }

    /// A pod that an admission plugin did not find; it names the kind in lower case.
    pub(crate) fn pod_not_found(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", format!("pod {name:?} not found")).about("", "pod", name)
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(resource.group, resource.plural, name)
    }

    pub(crate) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(resource.group, resource.plural, name)
    }

    /// A precondition of a DELETE that does not hold; kube-apiserver names the kind here, not the resource.
    pub(crate) fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.kind);
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(resource.group, resource.kind, name)
    }

    /// A subresource that cannot be created in the object's present state.
    pub(crate) fn subresource_conflict(resource: &Resource, subresource: &str, name: &str, why: &str) -> Self {
        let kind = format!("{}/{subresource}", resource.plural);
        let message = format!("Operation cannot be fulfilled on {kind} {name:?}: {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(resource.group, &kind, name)
    }

    /// Somebody else wrote the object since the sender read it.
    pub(crate) fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// Refused by an admission plugin.
    pub(crate) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} {name:?} is forbidden: {why}", resource.qualified());
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(resource.group, resource.plural, name)
    }

    /// Refused by the authorizer; `kind` is the plural that the sender wrote, known to the server or not.
    pub(crate) fn unauthorized_action(group: &str, kind: &str, name: &str, message: String) -> Self {
        Self::generic(StatusCode::FORBIDDEN, "Forbidden", message).about(group, kind, name)
    }

    /// Well-formed JSON of the right kind with values that validation refuses.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        // kube-apiserver forgets the group of events here.
        let group = if kind == "Event" { "" } else { group };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let listed: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let message = match listed.as_slice() {
            [one] => format!("{qualified} {name:?} is invalid: {one}"),
            many => format!("{qualified} {name:?} is invalid: [{}]", many.join(", ")),
        };
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).about(group, kind, name);
        let causes: Vec<Value> = errors.iter().map(FieldError::cause).collect();
        error.details.insert("causes".into(), causes.into());
        error
    }

    /// A patch document that is well-formed but cannot be applied. The cause stays in the server's log.
    pub(crate) fn unprocessable(cause: &str) -> Self {
        tracing::debug!(cause, "unprocessable");
        let message = "the server rejected our request due to an error in our request";
        Self::generic(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    }

    /// An error for which kube-apiserver has no reason of its own.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// Wrong credentials.
    #[cfg(feature = "serve")]
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// What a node answered and the server has no word of its own for.
    #[cfg(feature = "serve")]
    pub(crate) fn unexpected_answer(code: StatusCode, text: &str) -> Self {
        let message = match code {
            StatusCode::NOT_FOUND => "the server could not find the requested resource".to_owned(),
            code => format!(
                "the server responded with the status code {} but did not return more information",
                code.as_u16()
            ),
        };
        let cause = json!({"reason": "UnexpectedServerResponse", "message": text});
        Self::generic(code, crate::fault::reason_of(code), message).with_cause(cause)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub(crate) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::generic(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    pub(crate) fn path_not_found() -> Self {
        Self::generic(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::generic(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    pub(crate) fn not_acceptable() -> Self {
        // YAML and protobuf, which kube-apiserver names too, are not written here.
        let message = "406: Not Acceptable\n\nAvailable representations: application/json";
        Self::generic(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        let message = format!("Internal error occurred: {message}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    pub(crate) fn version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", format!("Timeout: {message}"))
            .with_cause(cause)
            .with_retry_after(1)
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code.as_u16(),
        });
        if let Some(token) = &self.next_page {
            status["metadata"] = json!({"continue": token});
        }
        if let Some(fields) = status.as_object_mut() {
            if !self.reason.is_empty() {
                fields.insert("reason".into(), self.reason.into());
            }
            if !self.details.is_empty() || self.generic {
                fields.insert("details".into(), self.details.clone().into());
            }
        }
        status
    }
}

/// What is wrong with one field (`k8s.io/apimachinery/pkg/util/validation/field`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldError {
    path: String,
    reason: &'static str,
    body: String,
}

impl FieldError {
    pub(crate) fn required(path: impl Into<String>, detail: &str) -> Self {
        let body = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self { path: path.into(), reason: "FieldValueRequired", body }
    }

    pub(crate) fn invalid(path: impl Into<String>, value: impl Into<Value>, detail: &str) -> Self {
        let body = format!("Invalid value: {}: {detail}", value.into());
        Self { path: path.into(), reason: "FieldValueInvalid", body }
    }

    pub(crate) fn duplicate(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), reason: "FieldValueDuplicate", body: format!("Duplicate value: {}", value.into()) }
    }

    pub(crate) fn forbidden(path: impl Into<String>, detail: &str) -> Self {
        Self { path: path.into(), reason: "FieldValueForbidden", body: format!("Forbidden: {detail}") }
    }

    pub(crate) fn not_supported(path: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let listed: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let body = format!("Unsupported value: {value:?}: supported values: {}", listed.join(", "));
        Self { path: path.into(), reason: "FieldValueNotSupported", body }
    }

    /// The same for a value that is no single text.
    pub(crate) fn unsupported(path: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let listed: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let body = format!("Unsupported value: {value}: supported values: {}", listed.join(", "));
        Self { path: path.into(), reason: "FieldValueNotSupported", body }
    }

    pub(crate) fn too_long(path: impl Into<String>, limit: usize) -> Self {
        let body = format!("Too long: may not be more than {limit} bytes");
        Self { path: path.into(), reason: "FieldValueTooLong", body }
    }

    pub(crate) fn not_found(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), reason: "FieldValueNotFound", body: format!("Not found: {}", value.into()) }
    }

    fn cause(&self) -> Value {
        json!({"reason": self.reason, "message": self.body, "field": self.path})
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path, self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_lists_every_field_and_its_cause() {
        let errors = [FieldError::required("metadata.name", ""), FieldError::invalid("spec.x", -1, "must be positive")];
        let status = ApiError::invalid("", "Pod", "p", &errors).to_status();
        assert_eq!(
            status["message"],
            r#"Pod "p" is invalid: [metadata.name: Required value, spec.x: Invalid value: -1: must be positive]"#
        );
        assert_eq!(status["details"]["causes"][1]["reason"], "FieldValueInvalid");
        assert_eq!(status["code"], 422);
    }
}

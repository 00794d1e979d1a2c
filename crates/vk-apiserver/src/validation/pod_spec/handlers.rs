//! Probes and lifecycle hooks.

use serde_json::Value;

use super::containers::{port_name, port_number};
use super::{integer, list, present, text};
use crate::api_error::FieldError;
use crate::object::Object;

pub(super) fn validate_probes(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get(kind).filter(|probe| !probe.is_null()) else { continue };
        let path = format!("{path}.{kind}");
        validate_handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], &path, errors);
        for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            if let Some(value) = integer(probe, field).filter(|value| *value < 0) {
                let detail = "must be greater than or equal to 0";
                errors.push(FieldError::invalid(format!("{path}.{field}"), value, detail));
            }
        }
        let successes = integer(probe, "successThreshold").unwrap_or(1);
        if kind != "readinessProbe" && successes != 1 {
            errors.push(FieldError::invalid(format!("{path}.successThreshold"), successes, "must be 1"));
        }
        if let Some(grace) = integer(probe, "terminationGracePeriodSeconds") {
            let path = format!("{path}.terminationGracePeriodSeconds");
            if kind == "readinessProbe" {
                errors.push(FieldError::invalid(path, grace, "must not be set for readinessProbes"));
            } else if grace <= 0 {
                errors.push(FieldError::invalid(path, grace, "must be greater than 0"));
            }
        }
    }
}

pub(super) fn validate_lifecycle(pod: &Object, container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let grace = pod.integer("/spec/terminationGracePeriodSeconds").unwrap_or_default();
    for hook in ["postStart", "preStop"] {
        let Some(handler) = container.pointer(&format!("/lifecycle/{hook}")).filter(|hook| !hook.is_null()) else {
            continue;
        };
        let path = format!("{path}.lifecycle.{hook}");
        validate_handler(handler, &["exec", "httpGet", "tcpSocket", "sleep"], &path, errors);
        let seconds = handler.get("sleep").and_then(|sleep| integer(sleep, "seconds"));
        if let Some(seconds) = seconds.filter(|seconds| !(0..=grace).contains(seconds)) {
            let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
            errors.push(FieldError::invalid(format!("{path}.sleep"), seconds, &detail));
        }
    }
}

fn validate_handler(handler: &Value, kinds: &[&str], path: &str, errors: &mut Vec<FieldError>) {
    let found = present(handler, kinds);
    if found.is_empty() {
        errors.push(FieldError::required(path, "must specify a handler type"));
    }
    for further in found.iter().skip(1) {
        errors.push(FieldError::forbidden(format!("{path}.{further}"), "may not specify more than 1 handler type"));
    }
    for kind in found {
        let Some(action) = handler.get(kind) else { continue };
        let path = format!("{path}.{kind}");
        match kind {
            "exec" if list(action, "command").is_empty() => {
                errors.push(FieldError::required(format!("{path}.command"), ""));
            }
            "httpGet" => validate_http_get(action, &path, errors),
            "tcpSocket" | "grpc" => validate_port(action, &path, errors),
            _ => {}
        }
    }
}

fn validate_http_get(action: &Value, path: &str, errors: &mut Vec<FieldError>) {
    validate_port(action, path, errors);
    let scheme = text(action, "scheme");
    if !matches!(scheme, "" | "HTTP" | "HTTPS") {
        errors.push(FieldError::not_supported(format!("{path}.scheme"), scheme, &["HTTP", "HTTPS"]));
    }
    for header in list(action, "httpHeaders") {
        let name = text(header, "name");
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let detail = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            errors.push(FieldError::invalid(format!("{path}.httpHeaders"), name, detail));
        }
    }
}

fn validate_port(action: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let path = format!("{path}.port");
    match action.get("port") {
        Some(Value::String(name)) => port_name(name, &path, errors),
        other => port_number(other.and_then(Value::as_i64).unwrap_or_default(), &path, errors),
    }
}

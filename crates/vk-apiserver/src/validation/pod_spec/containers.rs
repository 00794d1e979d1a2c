//! One container.

use std::collections::BTreeSet;

use serde_json::Value;

use super::environment::validate_environment;
use super::handlers::{validate_lifecycle, validate_probes};
use super::resources::validate_resources;
use super::volumes::validate_mounts;
use super::{integer, list, text, user_id};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::validation::name_is_dns_label;

const LONGEST_PORT_NAME: usize = 15;

/// Where in a pod a container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Main,
    Init,
    Ephemeral,
}

impl Kind {
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Main => "containers",
            Self::Init => "initContainers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

pub(super) fn validate_container(
    pod: &Object,
    container: &Value,
    kind: Kind,
    path: &str,
    volumes: &BTreeSet<String>,
    errors: &mut Vec<FieldError>,
) {
    validate_identity(container, path, errors);
    validate_ports(container, path, errors);
    validate_environment(container, path, errors);
    validate_resources(container, path, errors);
    validate_mounts(container, path, volumes, errors);
    if kind == Kind::Ephemeral {
        for field in ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] {
            if container.get(field).is_some_and(|value| !value.is_null()) {
                let detail = "cannot be set for an Ephemeral Container";
                errors.push(FieldError::forbidden(format!("{path}.{field}"), detail));
            }
        }
        return;
    }
    let sidecar = text(container, "restartPolicy") == "Always";
    if kind == Kind::Init && !sidecar {
        for field in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] {
            if container.get(field).is_some_and(|value| !value.is_null()) {
                let detail = "may not be set for init containers without restartPolicy=Always";
                errors.push(FieldError::forbidden(format!("{path}.{field}"), detail));
            }
        }
        return;
    }
    validate_probes(container, path, errors);
    validate_lifecycle(pod, container, path, errors);
}

fn validate_identity(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    const PULL: [&str; 3] = ["Always", "IfNotPresent", "Never"];
    const MESSAGE: [&str; 2] = ["File", "FallbackToLogsOnError"];
    const RESTART: [&str; 3] = ["Always", "Never", "OnFailure"];
    const RESIZE: [&str; 2] = ["NotRequired", "RestartContainer"];
    const PROC: [&str; 2] = ["Default", "Unmasked"];
    let name = text(container, "name");
    if name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    } else if let Some(error) = name_is_dns_label(name) {
        errors.push(FieldError::invalid(format!("{path}.name"), name, &error));
    }
    let image = text(container, "image");
    if image.is_empty() {
        errors.push(FieldError::required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(format!("{path}.image"), image, detail));
    }
    let mut one_of = |field: &str, value: &str, supported: &[&str]| {
        if !value.is_empty() && !supported.contains(&value) {
            errors.push(FieldError::not_supported(format!("{path}.{field}"), value, supported));
        }
    };
    one_of("imagePullPolicy", text(container, "imagePullPolicy"), &PULL);
    one_of("terminationMessagePolicy", text(container, "terminationMessagePolicy"), &MESSAGE);
    one_of("restartPolicy", text(container, "restartPolicy"), &RESTART);
    for policy in list(container, "resizePolicy") {
        one_of("resizePolicy", text(policy, "restartPolicy"), &RESIZE);
    }
    let Some(context) = container.get("securityContext") else { return };
    one_of("securityContext.procMount", text(context, "procMount"), &PROC);
    user_id(Some(context), &format!("{path}.securityContext"), errors);
    let flag = |field: &str| context.get(field).and_then(Value::as_bool);
    if flag("privileged") == Some(true) && flag("allowPrivilegeEscalation") == Some(false) {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.push(FieldError::invalid(format!("{path}.securityContext"), context.clone(), detail));
    }
}

fn validate_ports(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut names = BTreeSet::new();
    let mut on_host = BTreeSet::new();
    for (index, port) in list(container, "ports").iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        let name = text(port, "name");
        if !name.is_empty() {
            port_name(name, &format!("{path}.name"), errors);
            if !names.insert(name) {
                errors.push(FieldError::duplicate(format!("{path}.name"), name));
            }
        }
        port_number(integer(port, "containerPort").unwrap_or_default(), &format!("{path}.containerPort"), errors);
        let protocol = text(port, "protocol");
        if !matches!(protocol, "TCP" | "UDP" | "SCTP") {
            errors.push(FieldError::not_supported(format!("{path}.protocol"), protocol, &["SCTP", "TCP", "UDP"]));
        }
        let Some(host) = integer(port, "hostPort").filter(|number| *number != 0) else { continue };
        port_number(host, &format!("{path}.hostPort"), errors);
        let taken = format!("{protocol}/{}/{host}", text(port, "hostIP"));
        if !on_host.insert(taken.clone()) {
            errors.push(FieldError::duplicate(format!("{path}.hostPort"), taken));
        }
    }
}

pub(super) fn port_number(number: i64, path: &str, errors: &mut Vec<FieldError>) {
    if !(1..=65535).contains(&number) {
        errors.push(FieldError::invalid(path, number, "must be between 1 and 65535, inclusive"));
    }
}

/// An IANA service name (RFC 6335).
pub(super) fn port_name(name: &str, path: &str, errors: &mut Vec<FieldError>) {
    let mut refuse = |detail: &str| errors.push(FieldError::invalid(path, name, detail));
    if name.len() > LONGEST_PORT_NAME {
        refuse("must be no more than 15 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        refuse("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        refuse("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        refuse("must not contain consecutive hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') {
        refuse("must not begin or end with a hyphen");
    }
}

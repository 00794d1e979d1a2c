//! Environment variables and where their values come from.

use serde_json::Value;

use super::{list, present, text};
use crate::api_error::FieldError;

const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
/// Fields of a pod that a variable can hold.
const FIELDS: [&str; 10] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
    "status.phase",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn validate_environment(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, variable) in list(container, "env").iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        let name = text(variable, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if !name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=') {
            let detail =
                "a valid environment variable name must consist only of printable ASCII characters other than '='";
            errors.push(FieldError::invalid(format!("{path}.name"), name, detail));
        }
        if let Some(source) = variable.get("valueFrom").filter(|source| !source.is_null()) {
            let has_value = !text(variable, "value").is_empty();
            validate_source(source, has_value, &format!("{path}.valueFrom"), errors);
        }
    }
    for (index, source) in list(container, "envFrom").iter().enumerate() {
        let found = present(source, &["configMapRef", "secretRef"]);
        match found.as_slice() {
            [] => {
                let detail = "must specify one of: `configMapRef` or `secretRef`";
                errors.push(FieldError::invalid(format!("{path}.envFrom"), "", detail));
            }
            [one] if source.get(one).is_some_and(|reference| text(reference, "name").is_empty()) => {
                errors.push(FieldError::required(format!("{path}.envFrom[{index}].{one}.name"), ""));
            }
            [_] => {}
            _ => {
                let detail = "may not have more than one field specified at a time";
                errors.push(FieldError::invalid(format!("{path}.envFrom"), "", detail));
            }
        }
    }
}

fn validate_source(source: &Value, has_value: bool, path: &str, errors: &mut Vec<FieldError>) {
    let found = present(source, &SOURCES);
    if found.is_empty() {
        let detail =
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        errors.push(FieldError::invalid(path, "", detail));
    } else if has_value {
        errors.push(FieldError::invalid(path, "", "may not be specified when `value` is not empty"));
    } else if found.len() > 1 {
        errors.push(FieldError::invalid(path, "", "may not have more than one field specified at a time"));
    }
    for key in ["configMapKeyRef", "secretKeyRef"] {
        if source.get(key).is_some_and(|reference| text(reference, "key").is_empty()) {
            errors.push(FieldError::required(format!("{path}.{key}.key"), ""));
        }
    }
    if let Some(field) = source.get("fieldRef") {
        let field = text(field, "fieldPath");
        let subscript = ["metadata.labels['", "metadata.annotations['"].iter().any(|start| field.starts_with(start));
        if !subscript && !FIELDS.contains(&field) {
            let detail = format!("error converting fieldPath: field label not supported: {field}");
            errors.push(FieldError::invalid(format!("{path}.fieldRef.fieldPath"), field, &detail));
        }
    }
    if let Some(reference) = source.get("resourceFieldRef") {
        let resource = text(reference, "resource");
        let huge_pages = ["limits.hugepages-", "requests.hugepages-"].iter().any(|start| resource.starts_with(start));
        if !huge_pages && !RESOURCES.contains(&resource) {
            let path = format!("{path}.resourceFieldRef.resource");
            errors.push(FieldError::not_supported(path, resource, &RESOURCES));
        }
    }
}

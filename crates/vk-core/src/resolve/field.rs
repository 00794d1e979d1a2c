//! `fieldRef`: what a pod may learn about itself.
//! See <https://kubernetes.io/docs/concepts/workloads/pods/downward-api/>.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::api::core::v1::{ObjectFieldSelector, Pod};

use super::data::NodeFacts;
use super::error::ResolveError;
use super::late::{LateField, LateFields, LateValue};
use crate::resolved::EnvValue;

/// The value of a field for an environment variable; `path` is that of the `fieldRef`.
pub(super) fn variable(
    selector: &ObjectFieldSelector,
    path: &str,
    pod: &Pod,
    node: &NodeFacts,
    late: &LateFields,
) -> Result<EnvValue, ResolveError> {
    if let Some(field) = LateField::parse(&selector.field_path) {
        return late_value(field, node, late);
    }
    let spec = pod.spec.as_ref();
    let text = match selector.field_path.as_str() {
        "spec.nodeName" | "spec.host" => {
            spec.and_then(|spec| spec.node_name.clone()).unwrap_or_else(|| node.name.clone())
        }
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_default(),
        _ => file(selector, path, pod)?,
    };
    Ok(EnvValue::Literal(text))
}

fn late_value(field: LateField, node: &NodeFacts, late: &LateFields) -> Result<EnvValue, ResolveError> {
    if let Some(text) = late.text(field) {
        return Ok(EnvValue::Literal(text));
    }
    let is_of_host = matches!(field, LateField::HostIp | LateField::HostIps);
    if is_of_host && !node.host_ips.is_empty() {
        let of_node = LateFields { pod_ips: None, host_ips: Some(node.host_ips.clone()) };
        return Ok(EnvValue::Literal(of_node.text(field).unwrap_or_default()));
    }
    // The pod has its place, so nobody will ever fill in its host's address.
    if is_of_host && late.pod_ips.is_some() {
        return Err(ResolveError::NodeUnknown { message: "the node has no internal address".to_owned() });
    }
    Ok(EnvValue::Late(LateValue::from(field)))
}

/// The text of a field for a file; `path` is that of the `fieldRef`.
pub(super) fn file(selector: &ObjectFieldSelector, path: &str, pod: &Pod) -> Result<String, ResolveError> {
    if !matches!(selector.api_version.as_deref(), None | Some("" | "v1")) {
        return Err(ResolveError::invalid(format!("{path}.apiVersion"), "only v1 is supported"));
    }
    let field = selector.field_path.as_str();
    let metadata = &pod.metadata;
    if let Some((map, key)) = subscript(field) {
        let values = match map {
            "metadata.labels" => &metadata.labels,
            "metadata.annotations" => &metadata.annotations,
            _ => return Err(unsupported(path, field)),
        };
        return Ok(values.as_ref().and_then(|values| values.get(key)).cloned().unwrap_or_default());
    }
    Ok(match field {
        "metadata.name" => metadata.name.clone().unwrap_or_default(),
        "metadata.namespace" => metadata.namespace.clone().unwrap_or_default(),
        "metadata.uid" => metadata.uid.clone().unwrap_or_default(),
        "metadata.labels" => lines(metadata.labels.as_ref()),
        "metadata.annotations" => lines(metadata.annotations.as_ref()),
        _ => return Err(unsupported(path, field)),
    })
}

fn unsupported(path: &str, field: &str) -> ResolveError {
    ResolveError::invalid(format!("{path}.fieldPath"), format!("{field:?} is no field that a pod can refer to here"))
}

/// `metadata.labels['key']`, taken apart.
fn subscript(field: &str) -> Option<(&str, &str)> {
    field.strip_suffix("']")?.split_once("['").filter(|(map, _)| !map.is_empty())
}

/// `key="value"` lines in the order of the keys.
fn lines(values: Option<&BTreeMap<String, String>>) -> String {
    let lines = values.into_iter().flatten().map(|(key, value)| format!("{key}={}", quote(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The value as a string literal of Go, which is what the kubelet writes.
fn quote(value: &str) -> String {
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0b' => quoted.push_str("\\v"),
            c if is_printable(c) => quoted.push(c),
            c => push_escape(&mut quoted, c),
        }
    }
    quoted.push('"');
    quoted
}

fn push_escape(quoted: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a String cannot fail.
    let _ = match code {
        0..0x80 => write!(quoted, "\\x{code:02x}"),
        0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
        _ => write!(quoted, "\\U{code:08x}"),
    };
}

/// Letters, marks, numbers, punctuation, symbols and the plain space.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // `escape_debug` escapes what is not printable, and combining marks only at the start of a text.
    let text = ['a', c].iter().collect::<String>();
    text.escape_debug().count() == 2
}

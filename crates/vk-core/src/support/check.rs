//! Compares a pod with a [`SupportTable`].

mod walk;

#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use super::table::{SupportTable, Values};
use crate::error::Error;

/// A request of a pod that its provider does not honour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnsupportedField {
    /// The field, as in `spec.containers[0].livenessProbe.grpc`.
    pub path: String,
    /// Why it is not honoured.
    pub message: String,
}

impl fmt::Display for UnsupportedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl From<UnsupportedField> for Error {
    fn from(field: UnsupportedField) -> Self {
        Self::unsupported(field.path, field.message)
    }
}

impl SupportTable {
    /// The requests of a pod (its JSON as served) that are not honoured, in the order of the spec; empty if all are.
    ///
    /// Values that the API server fills in by default ask for nothing, nor do fields that the core or the control plane
    /// take care of. A field that this build does not know is a request.
    pub fn check(&self, pod: &Value) -> Vec<UnsupportedField> {
        match pod.get("spec").and_then(Value::as_object) {
            Some(spec) => walk::walk(self, spec),
            None => Vec::new(),
        }
    }
}

impl Values {
    /// Whether the value is honoured; a list is if all its entries are.
    pub(super) fn permit(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (_, Value::Array(entries)) => entries.iter().all(|entry| self.permit(entry)),
            (Self::OneOf(allowed), value) => allowed.contains(value),
            (Self::Below(directories), Value::String(path)) => {
                directories.iter().any(|directory| lies_in(path, directory))
            }
            (Self::Below(_), _) => false,
        }
    }

    /// What is honoured, for people: `"Never"`, `paths below "/srv"`.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::OneOf(allowed) => join_or(allowed.iter().map(Value::to_string)),
            Self::Below(directories) => {
                format!("paths below {}", join_or(directories.iter().map(|directory| format!("{directory:?}"))))
            }
        }
    }
}

fn join_or(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

fn lies_in(path: &str, directory: &str) -> bool {
    let components = |path: &str| -> Option<Vec<String>> {
        let absolute = path.strip_prefix('/')?;
        let named = absolute.split('/').filter(|component| !component.is_empty() && *component != ".");
        named.map(|component| (component != "..").then(|| component.to_owned())).collect()
    };
    match (components(path), components(directory)) {
        (Some(path), Some(directory)) => path.starts_with(&directory),
        _ => false,
    }
}

//! Every field of a pod's spec that this build knows: who it concerns, and which of its values ask for nothing.
//!
//! A test compares it with the types of `k8s-openapi`, so that a new Kubernetes version cannot add a field unnoticed.

mod container;
mod group;
mod pod;
#[cfg(test)]
mod tests;
mod volume;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use group::FieldGroup;
use serde_json::Value;

/// One field, or (its path ending in `.**`) everything below one.
#[derive(Debug)]
pub(super) struct Field {
    /// As in `spec.containers[].ports[].hostPort`; a list of plain values is one field.
    pub(super) path: String,
    pub(super) group: FieldGroup,
    pub(super) kind: FieldKind,
}

/// When a field asks the provider for something.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FieldKind {
    /// Never: the core or the control plane takes care of it.
    Consumed,
    /// If it has a value other than null, false, or an empty text, list or map.
    Request,
    /// If it has a value other than the one that the API server fills in.
    RequestUnless(Value),
    /// If it is there at all, even as `{}`; what it contains asks for itself.
    Presence,
    /// If it differs from what the API server derives from the image's tag, written in the sibling of this name.
    PullPolicy { image: &'static str },
    /// Unless the pod uses the host's network and it equals the container port.
    HostPort,
}

impl Field {
    pub(super) fn is_request(&self) -> bool {
        self.kind != FieldKind::Consumed
    }
}

static CATALOGUE: LazyLock<BTreeMap<String, Field>> = LazyLock::new(|| {
    let mut section = Section::default();
    pod::describe(&mut section);
    container::describe(&mut section);
    volume::describe(&mut section);
    section.fields.into_iter().map(|field| (field.path.clone(), field)).collect()
});

/// All fields in the order of their paths.
pub(super) fn fields() -> impl Iterator<Item = &'static Field> {
    CATALOGUE.values()
}

/// The field with this path.
pub(super) fn field(path: &str) -> Option<&'static Field> {
    CATALOGUE.get(path)
}

/// Whether the path names no field itself but a part of the spec that has fields.
pub(super) fn is_part(path: &str) -> bool {
    !CATALOGUE.contains_key(path) && has_below(&CATALOGUE, path)
}

/// Whether the path names a field, or a part of the spec that has fields.
pub(super) fn is_known(path: &str) -> bool {
    CATALOGUE.contains_key(path) || has_below(&CATALOGUE, path)
}

/// Whether a rule with this pattern can ever match a field that is a request.
pub(super) fn names_a_field(pattern: &str) -> bool {
    if let Some(subtree) = pattern.strip_suffix(".**") {
        return is_known(subtree);
    }
    let any_key = pattern.split_once("['").map(|(map, _)| format!("{map}.*"));
    field(any_key.as_deref().unwrap_or(pattern)).is_some_and(Field::is_request)
}

/// Whether the first path lies below the second.
pub(super) fn is_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// Whether the map has a path below this one.
pub(super) fn has_below<T>(paths: &BTreeMap<String, T>, ancestor: &str) -> bool {
    ['.', '['].into_iter().any(|separator| {
        let first = format!("{ancestor}{separator}");
        paths.range(first.clone()..).next().is_some_and(|(path, _)| path.starts_with(&first))
    })
}

/// Collects fields while the parts of the spec describe themselves.
#[derive(Default)]
struct Section {
    fields: Vec<Field>,
}

impl Section {
    fn add(&mut self, group: FieldGroup, path: impl Into<String>, kind: FieldKind) {
        self.fields.push(Field { path: path.into(), group, kind });
    }

    /// Fields that nobody but the core or the control plane looks at.
    fn consumed(&mut self, parent: &str, names: &str) {
        self.all(FieldGroup::ControlPlane, parent, names, &FieldKind::Consumed);
    }

    /// Fields without a default.
    fn requests(&mut self, group: FieldGroup, parent: &str, names: &str) {
        self.all(group, parent, names, &FieldKind::Request);
    }

    /// A field that the API server fills in.
    fn defaulted(&mut self, group: FieldGroup, path: impl Into<String>, default: impl Into<Value>) {
        self.add(group, path, FieldKind::RequestUnless(default.into()));
    }

    /// An object whose presence is a request, with its fields.
    fn object(&mut self, group: FieldGroup, path: &str, names: &str) {
        self.add(group, path, FieldKind::Presence);
        self.requests(group, path, names);
    }

    fn all(&mut self, group: FieldGroup, parent: &str, names: &str, kind: &FieldKind) {
        for name in names.split_whitespace() {
            self.add(group, format!("{parent}.{name}"), kind.clone());
        }
    }
}

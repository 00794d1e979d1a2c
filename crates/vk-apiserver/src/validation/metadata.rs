//! Metadata, the same for every kind (`apimachinery/pkg/api/validation/objectmeta.go`).

use serde_json::Value;

use super::{label_key_errors, label_value_error, qualified_name_error};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::resource::Resource;

/// All annotations of an object together.
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// Finalizers without a domain.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Checks the metadata of a new object whose name is already made.
pub(crate) fn validate_metadata(resource: &Resource, object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = object.name();
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else if let Some(error) = resource.strategy.name_error(name) {
        errors.push(FieldError::invalid("metadata.name", name, &error));
    }
    if object.generation() < 0 {
        errors.push(FieldError::invalid(
            "metadata.generation",
            object.generation(),
            "must be greater than or equal to 0",
        ));
    }
    errors.extend(validate_common(object));
    errors
}

/// Checks what no update may change, and the rest again.
pub(crate) fn validate_metadata_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if old.deletion_timestamp().is_some() {
        let known = old.finalizers();
        let added: Vec<&str> = new.finalizers().into_iter().filter(|one| !known.contains(one)).collect();
        if !added.is_empty() {
            let added: Vec<String> = added.iter().map(|one| format!("{one:?}")).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &detail));
        }
    }
    for field in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let pointer = format!("/metadata/{field}");
        if new.at(&pointer) != old.at(&pointer) {
            let value = new.at(&pointer).cloned().unwrap_or(Value::Null);
            errors.push(FieldError::invalid(format!("metadata.{field}"), value, "field is immutable"));
        }
    }
    errors.extend(validate_common(new));
    errors
}

fn validate_common(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in object.labels() {
        for error in label_key_errors(key) {
            errors.push(FieldError::invalid("metadata.labels", key, &error));
        }
        if let Some(error) = label_value_error(value) {
            errors.push(FieldError::invalid("metadata.labels", value, &error));
        }
    }
    let annotations = object.strings("/metadata/annotations");
    for key in annotations.keys() {
        if let Some(error) = qualified_name_error(&key.to_lowercase()) {
            errors.push(FieldError::invalid("metadata.annotations", *key, &error));
        }
    }
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_ANNOTATION_BYTES {
        let detail = format!("may not be more than {MAX_ANNOTATION_BYTES} bytes");
        errors.push(FieldError::invalid("metadata.annotations", "", &detail));
    }
    for (index, finalizer) in object.finalizers().into_iter().enumerate() {
        if let Some(error) = qualified_name_error(finalizer) {
            errors.push(FieldError::invalid("metadata.finalizers", finalizer, &error));
        }
        if !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(format!("metadata.finalizers[{index}]"), finalizer, detail));
        }
    }
    errors.extend(owner_references(object));
    errors
}

fn owner_references(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut controllers = 0;
    for (index, owner) in object.items("/metadata/ownerReferences").iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(field).and_then(Value::as_str).unwrap_or_default().is_empty() {
                let path = format!("metadata.ownerReferences[{index}].{field}");
                errors.push(FieldError::invalid(path, "", &format!("{field} must not be empty")));
            }
        }
        let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        if (text("apiVersion"), text("kind")) == ("v1", "Event") {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid("metadata.ownerReferences", owner.clone(), detail));
        }
        controllers += usize::from(owner.get("controller").and_then(Value::as_bool).unwrap_or_default());
    }
    if controllers > 1 {
        let detail = "Only one reference can have Controller set to true";
        errors.push(FieldError::invalid("metadata.ownerReferences", controllers, detail));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(metadata: Value) -> Object {
        Object::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn a_changed_uid_is_named() {
        let errors = validate_metadata_update(&object(json!({"uid": "b"})), &object(json!({"uid": "a"})));
        assert_eq!(errors, [FieldError::invalid("metadata.uid", "b", "field is immutable")]);
    }

    #[test]
    fn finalizers_may_leave_but_not_join_an_object_that_is_being_deleted() {
        let old = object(json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}));
        let fewer = object(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}));
        let more = object(json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b", "c/d"]}));
        assert!(validate_metadata_update(&fewer, &old).is_empty());
        assert_eq!(validate_metadata_update(&more, &old).len(), 1);
    }

    #[test]
    fn labels_and_owners_are_checked() {
        let bad = object(json!({
            "name": "x", "labels": {"-": "ok", "ok": "-"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": ""}],
        }));
        assert_eq!(validate_metadata_update(&bad, &bad).len(), 3);
    }
}

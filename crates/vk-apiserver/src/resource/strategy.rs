//! How a kind differs from the generic object: the hooks that `registry/*/strategy.go` has in Kubernetes.

use k8s_openapi::serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::PatchType;
use crate::validation::name_is_dns_subdomain;

/// JSON that is no object of the kind, in the decoder's words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DecodeError(pub(crate) String);

/// The behaviour of one kind. Every hook has the generic object's behaviour as default.
pub(crate) trait Strategy: Send + Sync {
    /// Checks the shape and drops fields that the kind does not know, as decoding into Go's structs does.
    fn decode(&self, value: Value) -> Result<Value, DecodeError>;

    /// Where lists merge by key under a strategic merge patch.
    fn patch_type(&self) -> &'static PatchType;

    /// From what is stored to what this API group serves.
    fn to_served(&self, stored: &Object) -> Object {
        stored.clone()
    }

    /// From what this API group takes to what is stored.
    fn to_stored(&self, served: Object) -> Object {
        served
    }

    /// Values for fields that were left out, on create and on every write.
    fn default(&self, _object: &mut Object) {}

    /// Clears what a client may not set when it creates an object.
    fn prepare_create(&self, _object: &mut Object) {}

    /// What is wrong with a name; `None` if it is good.
    fn name_error(&self, name: &str) -> Option<String> {
        name_is_dns_subdomain(name)
    }

    /// What is wrong with a new object, beyond its metadata.
    fn validate(&self, _object: &Object) -> Vec<FieldError> {
        Vec::new()
    }

    /// Restores what a client may not change through the main resource.
    fn prepare_update(&self, _new: &mut Object, _old: &Object) {}

    /// What is wrong with the change, beyond its metadata.
    fn validate_update(&self, new: &Object, _old: &Object) -> Vec<FieldError> {
        self.validate(new)
    }

    /// Restores what a client may not change through `/status`.
    fn prepare_status_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/spec", old);
    }

    /// What is wrong with a status, beyond the metadata.
    fn validate_status_update(&self, _new: &Object, _old: &Object) -> Vec<FieldError> {
        Vec::new()
    }

    /// What is wrong with a change through `/approval`, beyond the metadata.
    fn validate_approval(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        self.validate_status_update(new, old)
    }

    /// Seconds of grace for a DELETE that asks for `requested`; `None` for kinds without graceful deletion.
    fn grace(&self, _object: &Object, _requested: Option<i64>) -> Option<i64> {
        None
    }

    /// Whether a DELETE that says nothing of dependents leaves them alone, as batch/v1 always did.
    fn orphans_dependents(&self) -> bool {
        false
    }

    /// Whether PUT to a name that does not exist creates it.
    fn creates_on_update(&self) -> bool {
        false
    }

    /// Whether PUT without a resourceVersion overwrites.
    fn updates_unconditionally(&self) -> bool {
        true
    }

    /// Whether DELETE answers with the object; otherwise with a Status.
    fn returns_deleted(&self) -> bool {
        false
    }
}

/// Decodes into the typed object and back: wrong shapes are errors, unknown fields and nulls are gone, times and byte
/// strings have their canonical form. Empty lists and maps stay until [`drop_empty`].
pub(crate) fn typed<T>(value: Value) -> Result<Value, DecodeError>
where
    T: DeserializeOwned + Serialize,
{
    let object: T = serde_json::from_value(value).map_err(|error| DecodeError(error.to_string()))?;
    serde_json::to_value(&object).map_err(|error| DecodeError(error.to_string()))
}

/// Go leaves out empty lists and maps of optional fields. Lists that are never optional are put back by defaulting.
pub(crate) fn drop_empty(value: &mut Value) {
    const OPTIONAL_MAPS: [&str; 12] = [
        "labels",
        "annotations",
        "nodeSelector",
        "matchLabels",
        "limits",
        "requests",
        "capacity",
        "allocatable",
        "data",
        "binaryData",
        "stringData",
        "overhead",
    ];
    match value {
        Value::Object(map) => {
            map.retain(|key, child| {
                drop_empty(child);
                match child {
                    Value::Array(list) => !list.is_empty(),
                    Value::Object(child) => !child.is_empty() || !OPTIONAL_MAPS.contains(&key.as_str()),
                    _ => true,
                }
            });
        }
        Value::Array(list) => list.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;

    #[test]
    fn decoding_drops_unknown_fields_nulls_and_empty_lists_and_keeps_empty_structs() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "labels": {}, "creationTimestamp": null, "nonsense": 1},
            "spec": {"containers": [{"name": "c", "args": []}], "volumes": [{"name": "v", "emptyDir": {}}]}
        });
        let mut decoded = typed::<Pod>(pod).unwrap();
        drop_empty(&mut decoded);
        assert_eq!(
            decoded,
            json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
                "spec": {"containers": [{"name": "c"}], "volumes": [{"name": "v", "emptyDir": {}}]}
            })
        );
    }

    #[test]
    fn a_wrong_shape_is_an_error() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": "none"}});
        assert!(typed::<Pod>(pod).is_err());
    }
}

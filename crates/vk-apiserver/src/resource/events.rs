//! Events: stored once in the shape of the core group, served by `v1` and by `events.k8s.io/v1`.

use k8s_openapi::api::core::v1::Event as CoreEvent;
use k8s_openapi::api::events::v1::Event as GroupEvent;
use serde_json::Value;

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::{GENERIC, PatchType};

/// What one field is called in `v1` and in `events.k8s.io/v1`.
const RENAMED: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// Events in the core group.
pub(super) struct CoreEvents;

impl Strategy for CoreEvents {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<CoreEvent>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn default(&self, event: &mut Object) {
        // Go marshals these two without omitempty.
        event.set_default("/source", serde_json::json!({}));
        event.set_default("/reportingComponent", "");
        event.set_default("/reportingInstance", "");
    }

    fn validate(&self, event: &Object) -> Vec<FieldError> {
        validate_namespace(event)
    }

    fn creates_on_update(&self) -> bool {
        true
    }
}

/// Events in `events.k8s.io`.
pub(super) struct GroupEvents;

impl Strategy for GroupEvents {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<GroupEvent>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn to_served(&self, stored: &Object) -> Object {
        renamed(stored, RENAMED.iter().copied(), "events.k8s.io/v1")
    }

    fn to_stored(&self, served: Object) -> Object {
        renamed(&served, RENAMED.iter().map(|(core, group)| (*group, *core)), "v1")
    }

    fn default(&self, event: &mut Object) {
        CoreEvents.default(event);
    }

    fn validate(&self, event: &Object) -> Vec<FieldError> {
        let mut errors = validate_namespace(event);
        if event.text("/eventTime").is_empty() {
            errors.push(FieldError::required("eventTime", ""));
        }
        for (pointer, path) in [
            ("/reportingComponent", "reportingController"),
            ("/reportingInstance", "reportingInstance"),
            ("/action", "action"),
            ("/reason", "reason"),
        ] {
            if event.text(pointer).is_empty() {
                errors.push(FieldError::required(path, ""));
            }
        }
        if !matches!(event.text("/type"), "Normal" | "Warning") {
            errors.push(FieldError::invalid("type", event.text("/type"), "has to be \"Normal\" or \"Warning\""));
        }
        errors
    }

    fn validate_update(&self, new: &Object, _old: &Object) -> Vec<FieldError> {
        validate_namespace(new)
    }

    fn creates_on_update(&self) -> bool {
        true
    }
}

fn renamed<'name>(
    event: &Object,
    names: impl Iterator<Item = (&'name str, &'name str)> + Clone,
    api_version: &str,
) -> Object {
    let mut result = Object::default();
    for (field, value) in event.fields() {
        let name = names.clone().find(|(from, _)| from == field).map_or(field.as_str(), |(_, to)| to);
        result.fields_mut().insert(name.to_owned(), value.clone());
    }
    result.set("/apiVersion", api_version);
    result
}

fn validate_namespace(event: &Object) -> Vec<FieldError> {
    let involved = event.text("/involvedObject/namespace");
    let own = event.namespace();
    // Events about cluster-scoped objects live in `default`, or in `kube-system` where the writer says so.
    let matches = involved == own || (involved.is_empty() && matches!(own, "default" | "kube-system"));
    if matches {
        Vec::new()
    } else {
        vec![FieldError::invalid("involvedObject.namespace", involved, "does not match event.namespace")]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_shapes_tell_the_same_event() {
        let core = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"name": "p"},
            "message": "m", "reportingComponent": "c", "count": 2, "reason": "r",
        });
        let stored = Object::from_value(core.clone()).unwrap();
        let served = GroupEvents.to_served(&stored);
        assert_eq!(
            served.clone().into_value(),
            json!({
                "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
                "regarding": {"name": "p"}, "note": "m", "reportingController": "c", "deprecatedCount": 2, "reason": "r",
            })
        );
        assert_eq!(GroupEvents.to_stored(served).into_value(), core);
    }

    #[test]
    fn an_event_lives_beside_what_it_tells_of() {
        let event = |own: &str, involved: &str| {
            let value = json!({"metadata": {"namespace": own}, "involvedObject": {"namespace": involved}});
            CoreEvents.validate(&Object::from_value(value).unwrap()).len()
        };
        assert_eq!(event("a", "a"), 0);
        assert_eq!(event("a", "b"), 1);
        assert_eq!(event("default", ""), 0);
        assert_eq!(event("a", ""), 1);
    }
}

//! Events: stored once in the shape of the core group, served by `v1` and by `events.k8s.io/v1`.

use k8s_openapi::api::core::v1::Event as CoreEvent;
use k8s_openapi::api::events::v1::Event as GroupEvent;
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::{GENERIC, PatchType};
use crate::validation::{EventApi, path_segment_error, validate_event, validate_event_update};

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
        // Go marshals these without omitempty.
        event.set_default("/source", json!({}));
        event.set_default("/reportingComponent", "");
        event.set_default("/reportingInstance", "");
        for time in ["/eventTime", "/firstTimestamp", "/lastTimestamp"] {
            event.set_default(time, Value::Null);
        }
    }

    fn validate(&self, event: &Object) -> Vec<FieldError> {
        validate_event(event, EventApi::Core)
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_event_update(new, old, EventApi::Core)
    }

    fn name_error(&self, name: &str) -> Option<String> {
        path_segment_error(name)
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
        let mut served = renamed(stored, RENAMED.iter().copied(), "events.k8s.io/v1");
        for optional in ["/reportingController", "/reportingInstance"] {
            if served.text(optional).is_empty() {
                served.remove(optional);
            }
        }
        served
    }

    fn to_stored(&self, served: Object) -> Object {
        renamed(&served, RENAMED.iter().map(|(core, group)| (*group, *core)), "v1")
    }

    fn default(&self, event: &mut Object) {
        CoreEvents.default(event);
    }

    fn validate(&self, event: &Object) -> Vec<FieldError> {
        validate_event(event, EventApi::Group)
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_event_update(new, old, EventApi::Group)
    }

    fn name_error(&self, name: &str) -> Option<String> {
        path_segment_error(name)
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

#[cfg(test)]
mod tests {
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
}

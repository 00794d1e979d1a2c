//! Events (`pkg/apis/core/validation/events.go`): lax through the core group, strict through `events.k8s.io`.

use serde_json::{Value, json};

use super::qualified_name_error;
use crate::api_error::FieldError;
use crate::object::Object;

const MAX_NAME: usize = 128;
const MAX_NOTE: usize = 1024;

/// Through which API group an event comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventApi {
    Core,
    Group,
}

/// What is wrong with a new event, in its stored form.
pub(crate) fn validate_event(event: &Object, api: EventApi) -> Vec<FieldError> {
    let mut errors = validate_either(event, api);
    if api == EventApi::Core {
        return errors;
    }
    errors.extend(validate_series(event));
    if event.text("/eventTime").is_empty() {
        errors.push(FieldError::required("eventTime", ""));
    }
    let kind = event.text("/type");
    if !matches!(kind, "Normal" | "Warning") {
        errors.push(FieldError::invalid("type", "", &format!("has invalid value: {kind}")));
    }
    for (pointer, path) in [
        ("/firstTimestamp", "firstTimestamp"),
        ("/lastTimestamp", "lastTimestamp"),
        ("/count", "count"),
        ("/source/component", "source"),
    ] {
        if event.at(pointer).is_some_and(|value| *value != json!(0) && *value != json!("")) {
            errors.push(FieldError::invalid(path, "", "needs to be unset"));
        }
    }
    errors
}

/// What is wrong with the change of an event: through `events.k8s.io` only the series may change.
pub(crate) fn validate_event_update(new: &Object, old: &Object, api: EventApi) -> Vec<FieldError> {
    let mut errors = validate_either(new, api);
    if api == EventApi::Core {
        return errors;
    }
    if new.at("/series") != old.at("/series") {
        errors.extend(validate_series(new));
    }
    for field in [
        "involvedObject",
        "reason",
        "message",
        "source",
        "firstTimestamp",
        "lastTimestamp",
        "count",
        "type",
        "eventTime",
        "action",
        "related",
        "reportingComponent",
        "reportingInstance",
    ] {
        let pointer = format!("/{field}");
        if new.at(&pointer) != old.at(&pointer) {
            let path = if field == "reportingComponent" { "reportingController" } else { field };
            let value = new.at(&pointer).cloned().unwrap_or(Value::Null);
            errors.push(FieldError::invalid(path, value, "field is immutable"));
        }
    }
    errors
}

/// What both groups ask of an event: little of one without `eventTime`, more of one with it.
fn validate_either(event: &Object, api: EventApi) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let involved = event.text("/involvedObject/namespace");
    let own = event.namespace();
    let old_style = event.text("/eventTime").is_empty();
    let fits = match (old_style, involved) {
        (true, "") => own == "default",
        (true, involved) => involved == own,
        (false, "") => matches!(own, "default" | "kube-system"),
        (false, _) => true,
    };
    if !fits {
        errors.push(FieldError::invalid("involvedObject.namespace", involved, "does not match event.namespace"));
    }
    if old_style {
        return errors;
    }
    let controller = event.text("/reportingComponent");
    let path = if api == EventApi::Core { "reportingComponent" } else { "reportingController" };
    if controller.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    if let Some(error) = qualified_name_error(controller) {
        errors.push(FieldError::invalid(path, controller, &error));
    }
    for field in ["reportingInstance", "action", "reason"] {
        let text = event.text(&format!("/{field}"));
        if text.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if text.len() > MAX_NAME {
            errors.push(FieldError::invalid(field, "", &format!("can have at most {MAX_NAME} characters")));
        }
    }
    if event.text("/message").len() > MAX_NOTE {
        errors.push(FieldError::invalid("message", "", &format!("can have at most {MAX_NOTE} characters")));
    }
    errors
}

fn validate_series(event: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if event.at("/series").is_none() {
        return errors;
    }
    if event.integer("/series/count").unwrap_or_default() < 2 {
        errors.push(FieldError::invalid("series.count", "", "should be at least 2"));
    }
    if event.text("/series/lastObservedTime").is_empty() {
        errors.push(FieldError::required("series.lastObservedTime", ""));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(own: &str, involved: &str, time: Option<&str>) -> Object {
        let value = json!({
            "metadata": {"namespace": own}, "involvedObject": {"namespace": involved}, "eventTime": time,
            "reportingComponent": "kubelet", "reportingInstance": "n", "action": "A", "reason": "R", "type": "Normal",
        });
        Object::from_value(value).unwrap()
    }

    #[test]
    fn an_event_without_event_time_lives_beside_what_it_tells_of() {
        let count = |own, involved| validate_event(&event(own, involved, None), EventApi::Core).len();
        assert_eq!(count("a", "a"), 0);
        assert_eq!(count("a", "b"), 1);
        assert_eq!(count("default", ""), 0);
        assert_eq!(count("kube-system", ""), 1);
    }

    #[test]
    fn through_the_events_group_only_the_series_may_change() {
        let old = event("a", "a", Some("2026-01-01T00:00:00.000000Z"));
        let mut new = old.clone();
        new.set("/series", json!({"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}));
        assert!(validate_event_update(&new, &old, EventApi::Group).is_empty());
        new.set("/message", "other");
        assert_eq!(validate_event_update(&new, &old, EventApi::Group).len(), 1);
        assert!(validate_event_update(&new, &old, EventApi::Core).is_empty());
    }
}

//! A Kubernetes object as JSON, with the metadata that every kind shares.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::{parse_rfc3339, rfc3339_seconds};

/// A Kubernetes object: a JSON object, addressed by JSON pointers (RFC 6901) such as `/spec/nodeName`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(Map<String, Value>);

impl Object {
    /// Takes a JSON value; gives it back if it is not a JSON object.
    ///
    /// # Errors
    /// The value itself, when it is an array, a scalar or null.
    pub fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            other => Err(other),
        }
    }

    /// The object as a JSON value.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// The value at a JSON pointer; `None` where the path leads nowhere or to null.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        let rest = pointer.strip_prefix('/')?;
        let (first, tail) = rest.find('/').map_or((rest, ""), |index| rest.split_at(index));
        self.0.get(&*unescape(first))?.pointer(tail).filter(|value| !value.is_null())
    }

    /// The text at a JSON pointer; empty where there is none, as Go's zero value.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The integer at a JSON pointer.
    #[must_use]
    pub fn integer(&self, pointer: &str) -> Option<i64> {
        self.at(pointer).and_then(Value::as_i64)
    }

    /// The boolean at a JSON pointer; `false` where there is none.
    #[must_use]
    pub fn flag(&self, pointer: &str) -> bool {
        self.at(pointer).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The array at a JSON pointer; empty where there is none.
    #[must_use]
    pub fn items(&self, pointer: &str) -> &[Value] {
        self.at(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// The map of strings at a JSON pointer, such as labels.
    #[must_use]
    pub fn strings(&self, pointer: &str) -> BTreeMap<&str, &str> {
        self.at(pointer)
            .and_then(Value::as_object)
            .map(|map| map.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect())
            .unwrap_or_default()
    }

    /// Writes a value, making the objects on the way; what stood there and was no object is replaced.
    pub fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        if let Some((parents, last)) = split(pointer) {
            set_below(&mut self.0, &parents, last, value.into());
        }
    }

    /// Writes a value where none stands yet.
    pub fn set_default(&mut self, pointer: &str, value: impl Into<Value>) {
        if self.at(pointer).is_none() {
            self.set(pointer, value);
        }
    }

    /// Writes a value, or removes the field when there is none.
    pub fn set_or_remove(&mut self, pointer: &str, value: Option<Value>) {
        match value {
            Some(value) => self.set(pointer, value),
            None => {
                self.remove(pointer);
            }
        }
    }

    /// Makes the field equal to the same field of another object.
    pub fn copy_from(&mut self, pointer: &str, other: &Self) {
        self.set_or_remove(pointer, other.at(pointer).cloned());
    }

    /// Makes one field of a list's element equal to that of the element in another object.
    pub(crate) fn copy_from_item(&mut self, list: &str, index: usize, field: &str, other: &Self) {
        let value = other.at(&format!("{list}/{index}/{field}")).cloned();
        if let Some(Value::Object(item)) = self.items_mut(list).get_mut(index) {
            match value {
                Some(value) => item.insert(field.to_owned(), value),
                None => item.remove(field),
            };
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, pointer: &str) -> Option<Value> {
        let (parents, last) = split(pointer)?;
        let mut map = &mut self.0;
        for key in &parents {
            map = map.get_mut(key)?.as_object_mut()?;
        }
        map.remove(&last)
    }

    /// The array at a pointer, to be changed in place.
    pub fn items_mut(&mut self, pointer: &str) -> &mut [Value] {
        let Some((parents, last)) = split(pointer) else { return &mut [] };
        let mut map = &mut self.0;
        for key in &parents {
            match map.get_mut(key).and_then(Value::as_object_mut) {
                Some(child) => map = child,
                None => return &mut [],
            }
        }
        map.get_mut(&last).and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
    }

    /// The top-level fields.
    #[must_use]
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The top-level fields, to be changed in place.
    pub fn fields_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`; empty for cluster-scoped objects.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// `metadata.uid`.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }

    /// `metadata.resourceVersion` as it stands there.
    #[must_use]
    pub fn resource_version(&self) -> &str {
        self.text("/metadata/resourceVersion")
    }

    pub(crate) fn set_resource_version(&mut self, revision: u64) {
        self.set("/metadata/resourceVersion", revision.to_string());
    }

    /// `metadata.generation`; 0 for kinds that have none.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.integer("/metadata/generation").unwrap_or_default()
    }

    /// `metadata.deletionTimestamp`.
    #[must_use]
    pub fn deletion_timestamp(&self) -> Option<Timestamp> {
        parse_rfc3339(self.text("/metadata/deletionTimestamp"))
    }

    pub(crate) fn set_deletion_timestamp(&mut self, time: Timestamp) {
        self.set("/metadata/deletionTimestamp", rfc3339_seconds(time));
    }

    /// `metadata.deletionGracePeriodSeconds`.
    #[must_use]
    pub fn deletion_grace(&self) -> Option<i64> {
        self.integer("/metadata/deletionGracePeriodSeconds")
    }

    /// `metadata.finalizers`.
    #[must_use]
    pub fn finalizers(&self) -> Vec<&str> {
        self.items("/metadata/finalizers").iter().filter_map(Value::as_str).collect()
    }

    /// `metadata.labels`.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<&str, &str> {
        self.strings("/metadata/labels")
    }

    /// One annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.strings("/metadata/annotations").get(key).copied()
    }
}

fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') { segment.replace("~1", "/").replace("~0", "~").into() } else { segment.into() }
}

/// A key as one segment of a JSON pointer.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn split(pointer: &str) -> Option<(Vec<String>, String)> {
    let mut segments: Vec<String> =
        pointer.strip_prefix('/')?.split('/').map(|segment| unescape(segment).into_owned()).collect();
    let last = segments.pop()?;
    Some((segments, last))
}

fn set_below(map: &mut Map<String, Value>, parents: &[String], last: String, value: Value) {
    let Some((first, rest)) = parents.split_first() else {
        map.insert(last, value);
        return;
    };
    let slot = map.entry(first.clone()).or_insert(Value::Null);
    let mut child = match slot.take() {
        Value::Object(child) => child,
        _ => Map::new(),
    };
    set_below(&mut child, rest, last, value);
    *slot = Value::Object(child);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Object {
        Object::from_value(json!({
            "metadata": {"name": "a", "labels": {"x/y": "1", "n": 3}, "deletionTimestamp": null},
            "spec": {"list": [1, 2]}
        }))
        .unwrap()
    }

    #[test]
    fn pointers_read_through_escapes_and_treat_null_as_absent() {
        let object = sample();
        assert_eq!(object.text("/metadata/labels/x~1y"), "1");
        assert_eq!(object.at("/metadata/deletionTimestamp"), None);
        assert_eq!(object.at("/spec/list/1"), Some(&json!(2)));
        assert_eq!(object.at("/spec/none/deeper"), None);
        assert_eq!(object.at(""), None);
    }

    #[test]
    fn setting_makes_the_way_and_removing_leaves_the_rest() {
        let mut object = sample();
        object.set("/status/conditions/deep", 1);
        assert_eq!(object.integer("/status/conditions/deep"), Some(1));
        assert_eq!(object.remove("/metadata/name"), Some(json!("a")));
        assert_eq!(object.name(), "");
        assert_eq!(object.remove("/metadata/none/deeper"), None);
        object.set_default("/status/conditions/deep", 2);
        assert_eq!(object.integer("/status/conditions/deep"), Some(1));
    }

    #[test]
    fn only_json_objects_are_objects() {
        assert_eq!(Object::from_value(json!([1])), Err(json!([1])));
    }
}

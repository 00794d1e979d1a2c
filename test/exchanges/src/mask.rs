//! What differs from run to run, replaced by what does not.

use serde_json::{Map, Value};

/// Shapes of texts: `h` stands for a hexadecimal digit, `d` for a decimal one.
const SHAPES: [(&str, &str); 2] = [("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "UID"), ("dddd-dd-ddTdd:dd:dd", "TIME")];
/// Volumes whose names end in random characters.
const GENERATED: &str = "kube-api-access-";
const SUFFIX_LENGTH: usize = 5;

/// The text of an answer as a value in which UIDs, times, versions and tokens stand as marks. A watch's events become
/// an array; what is no JSON stays a text.
pub(crate) fn comparable(text: &str) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return mask(value);
    }
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    match lines {
        Ok(lines) => lines.into_iter().map(mask).collect(),
        Err(_) => text.into(),
    }
}

fn mask(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(field, value)| !is_of_the_environment(field, value))
            .map(|(field, value)| match field.as_str() {
                "resourceVersion" | "continue" | "token" => (field, "X".into()),
                "columnDefinitions" => (field, without_descriptions(value)),
                "cells" => (field, mask_ages(mask(value))),
                _ => (field, mask(value)),
            })
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(items) => items.into_iter().map(mask).collect(),
        Value::String(text) => mask_text(&text).into(),
        other => other,
    }
}

/// Who wrote which field, how etcd holds a kind, by which certificate somebody is known, and which RBAC binding allowed something: the kernel
/// has no such records.
fn is_of_the_environment(field: &str, value: &Value) -> bool {
    match field {
        "managedFields" | "storageVersionHash" => true,
        "extra" => value.pointer("/authentication.kubernetes.io~1credential-id/0").is_some_and(starts("X509SHA256=")),
        "reason" => starts("RBAC: allowed by")(value),
        _ => false,
    }
}

/// The kernel describes columns in words of its own.
fn without_descriptions(mut columns: Value) -> Value {
    for column in columns.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        column.remove("description");
    }
    columns
}

/// Ages of what was made a moment or years ago: both grow between recordings.
fn mask_ages(mut cells: Value) -> Value {
    for cell in cells.as_array_mut().into_iter().flatten() {
        let Some(text) = cell.as_str() else { continue };
        if is_age(text) {
            *cell = "AGE".into();
        } else if let Some((count, _)) =
            text.split_once(" (").filter(|(_, ago)| ago.strip_suffix(" ago)").is_some_and(is_age))
        {
            *cell = format!("{count} (AGE ago)").into();
        }
    }
    cells
}

/// Whether a text is a number of seconds, or of years and days.
fn is_age(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_days = |rest: &str| rest.is_empty() || rest.strip_suffix('d').is_some_and(number);
    text.strip_suffix('s').is_some_and(number)
        || text.split_once('y').is_some_and(|(years, rest)| number(years) && is_days(rest))
}

fn starts(beginning: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value.as_str().is_some_and(|text| text.starts_with(beginning))
}

fn mask_text(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(GENERATED) {
            masked.push_str(GENERATED);
            masked.push('X');
            rest = after.get(SUFFIX_LENGTH..).unwrap_or_default();
        } else if let Some((shape, name)) = SHAPES.iter().find(|(shape, _)| has_shape(rest, shape)) {
            masked.push_str(name);
            rest = &rest[shape.len()..];
            if *name == "TIME" {
                rest = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim_start_matches('Z');
            }
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    masked
}

fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'h' => byte.is_ascii_hexdigit(),
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn uids_times_versions_and_generated_names_are_masked() {
        let answer = json!({
            "metadata": {"uid": "01234567-89ab-cdef-0123-456789abcdef", "resourceVersion": "12", "managedFields": [1]},
            "at": "2026-11-22T14:00:00.123456Z",
            "message": "volume kube-api-access-x7k2p of 2026-11-22T14:00:00Z",
            "token": "abc",
        });
        assert_eq!(
            comparable(&answer.to_string()),
            json!({
                "metadata": {"uid": "UID", "resourceVersion": "X"},
                "at": "TIME",
                "message": "volume kube-api-access-X of TIME",
                "token": "X",
            })
        );
    }

    #[test]
    fn what_the_environment_adds_is_left_out() {
        let answer = json!({
            "spec": {"extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=00"]}, "username": "u"},
            "status": {"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding"},
        });
        let left = json!({"spec": {"username": "u"}, "status": {"allowed": true}});
        assert_eq!(comparable(&answer.to_string()), left);
    }

    #[test]
    fn ages_in_cells_and_descriptions_of_columns_are_masked() {
        let table = json!({
            "columnDefinitions": [{"name": "Age", "description": "How old"}],
            "rows": [{"cells": ["5s", "7y12d", "3 (9s ago)", "5m30s", "1/1", 7], "name": "5s"}],
        });
        assert_eq!(
            comparable(&table.to_string()),
            json!({
                "columnDefinitions": [{"name": "Age"}],
                "rows": [{"cells": ["AGE", "AGE", "3 (AGE ago)", "5m30s", "1/1", 7], "name": "5s"}],
            })
        );
    }

    #[test]
    fn events_become_an_array_and_pages_stay_texts() {
        assert_eq!(comparable("{\"type\":\"A\"}\n{\"type\":\"B\"}\n"), json!([{"type": "A"}, {"type": "B"}]));
        assert_eq!(comparable("404 page not found\n"), json!("404 page not found\n"));
    }
}

//! JSON patch (RFC 6902).

use serde::Deserialize;
use serde_json::Value;

use super::PatchError;

/// What kube-apiserver takes in one document.
const MAX_OPERATIONS: usize = 10_000;

#[derive(Deserialize)]
struct Operation {
    #[serde(default)]
    op: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    value: Value,
}

/// Applies every operation in order; after an error `target` is half-patched and must be thrown away.
pub(crate) fn apply(target: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let operations: Option<Vec<Operation>> = serde_json::from_value(patch.clone())
        .map_err(|error| PatchError::Malformed(format!("error decoding patch: {error}")))?;
    let operations = operations.unwrap_or_default();
    if operations.len() > MAX_OPERATIONS {
        let message =
            format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}", operations.len());
        return Err(PatchError::Malformed(message));
    }
    operations.into_iter().try_for_each(|operation| step(target, operation))
}

fn step(target: &mut Value, operation: Operation) -> Result<(), PatchError> {
    let unspecified = |what: &str| PatchError::Inapplicable(format!("{what} is not specified"));
    let path = operation.path.ok_or_else(|| unspecified("path"))?;
    let from = || operation.from.as_deref().ok_or_else(|| unspecified("from"));
    match operation.op.as_str() {
        "add" => add(target, &path, operation.value),
        "remove" => remove(target, &path).map(drop),
        "replace" => replace(target, &path, operation.value),
        "move" => {
            let value = remove(target, from()?)?;
            add(target, &path, value)
        }
        "copy" => {
            let value = read(target, from()?).ok_or_else(|| missing("copy", &path))?;
            add(target, &path, value)
        }
        "test" if read(target, &path).unwrap_or_default() == operation.value => Ok(()),
        "test" => Err(PatchError::Inapplicable(format!("testing value {path} failed: test failed"))),
        other => Err(PatchError::Inapplicable(format!("Unexpected kind: {other}"))),
    }
}

/// What stands at a path; null for a field that an object does not have.
fn read(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, last) = parent_of(target, path)?;
    match parent {
        Value::Object(map) => Some(map.get(&last).cloned().unwrap_or_default()),
        Value::Array(list) => list.get(last.parse::<usize>().ok()?).cloned(),
        _ => None,
    }
}

/// Fields that are not there are added, as the library of kube-apiserver does against the RFC.
fn replace(target: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    let (parent, last) = parent_of(target, path).ok_or_else(|| missing("replace", path))?;
    match parent {
        Value::Object(map) => {
            map.insert(last, value);
            Ok(())
        }
        Value::Array(list) => {
            let slot = last.parse::<usize>().ok().and_then(|index| list.get_mut(index));
            *slot.ok_or_else(|| missing("replace", path))? = value;
            Ok(())
        }
        _ => Err(missing("replace", path)),
    }
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    let (parent, last) = parent_of(target, path).ok_or_else(|| missing("add", path))?;
    match parent {
        Value::Object(map) => {
            map.insert(last, value);
            Ok(())
        }
        Value::Array(list) => {
            let index = if last == "-" { list.len() } else { last.parse().map_err(|_| missing("add", path))? };
            if index > list.len() {
                return Err(missing("add", path));
            }
            list.insert(index, value);
            Ok(())
        }
        _ => Err(missing("add", path)),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, PatchError> {
    let (parent, last) = parent_of(target, path).ok_or_else(|| missing("remove", path))?;
    match parent {
        Value::Object(map) => map.remove(&last),
        Value::Array(list) => {
            last.parse().ok().filter(|index| *index < list.len()).map(|index: usize| list.remove(index))
        }
        _ => None,
    }
    .ok_or_else(|| missing("remove", path))
}

/// What stands before the first slash of a path is not looked at.
fn parent_of<'value>(target: &'value mut Value, path: &str) -> Option<(&'value mut Value, String)> {
    let (_, path) = path.split_once('/')?;
    let (parents, last) = match path.rsplit_once('/') {
        Some((parents, last)) => (format!("/{parents}"), last),
        None => (String::new(), path),
    };
    Some((target.pointer_mut(&parents)?, last.replace("~1", "/").replace("~0", "~")))
}

fn missing(operation: &str, path: &str) -> PatchError {
    PatchError::Inapplicable(format!(
        "{operation} operation does not apply: doc is missing path: {path:?}: missing value"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(mut target: Value, patch: Value) -> Result<Value, PatchError> {
        apply(&mut target, &patch).map(|()| target)
    }

    #[test]
    fn all_operations_on_objects_and_lists() {
        let before = json!({"metadata": {"annotations": {"a/b": "1"}}, "list": [1, 3]});
        let patch = json!([
            {"op": "test", "path": "/metadata/annotations/a~1b", "value": "1"},
            {"op": "add", "path": "/list/1", "value": 2},
            {"op": "add", "path": "/list/-", "value": 4},
            {"op": "replace", "path": "/list/0", "value": 0},
            {"op": "copy", "from": "/list/3", "path": "/last"},
            {"op": "move", "from": "/metadata/annotations/a~1b", "path": "/moved"},
            {"op": "remove", "path": "/list/2"},
        ]);
        let after = patched(before, patch).unwrap();
        assert_eq!(after, json!({"metadata": {"annotations": {}}, "list": [0, 2, 4], "last": 4, "moved": "1"}));
    }

    #[test]
    fn what_is_not_there_is_replaced_and_copied_as_null() {
        let patch = json!([
            {"op": "replace", "path": "/new", "value": 1},
            {"op": "copy", "from": "/none", "path": "/null"},
            {"op": "add", "path": "no/slash", "value": 2},
        ]);
        assert_eq!(patched(json!({}), patch), Ok(json!({"new": 1, "null": null, "slash": 2})));
        assert_eq!(patched(json!({"a": 1}), Value::Null), Ok(json!({"a": 1})));
    }

    #[test]
    fn a_failed_test_or_a_missing_path_is_inapplicable_and_a_wrong_document_malformed() {
        let failed = patched(json!({"a": 1}), json!([{"op": "test", "path": "/a", "value": 2}]));
        assert!(matches!(failed, Err(PatchError::Inapplicable(_))), "{failed:?}");
        for path in ["/none/deeper", "/list/9", "/list/x"] {
            let missing = patched(json!({"list": []}), json!([{"op": "add", "path": path, "value": 1}]));
            assert!(matches!(missing, Err(PatchError::Inapplicable(_))), "{missing:?}");
        }
        let wrong = patched(json!({}), json!({"op": "add"}));
        assert!(matches!(wrong, Err(PatchError::Malformed(_))), "{wrong:?}");
    }
}

//! Strategic merge patch: a merge patch that knows which lists merge by key, with the directives `$patch`,
//! `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`
//! (Kubernetes documentation, "Update API Objects in Place Using kubectl patch").

use serde_json::{Map, Value};

use super::PatchError;
use super::schema::{PatchField, PatchType};
use super::strategic_lists::{check_order, delete_scalars, merge_keyed, merge_set, order_by};

pub(super) const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_SCALARS: &str = "$deleteFromPrimitiveList/";

/// Applies a patch to an object of the given type.
pub(crate) fn apply(target: &mut Value, patch: &Value, kind: &PatchType) -> Result<(), PatchError> {
    if patch.is_null() {
        return Ok(());
    }
    let (Value::Object(original), Value::Object(patch)) = (target, patch) else {
        return Err(PatchError::Malformed("Invalid JSON document".into()));
    };
    let merged = merge(std::mem::take(original), patch.clone(), kind)?;
    *original = merged;
    Ok(())
}

/// Merges two objects of the same type.
pub(super) fn merge(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    kind: &PatchType,
) -> Result<Map<String, Value>, PatchError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Map::new()),
            _ => Err(unknown_directive(&directive)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    let orders = take_prefixed(&mut patch, SET_ORDER);
    let deletions = take_prefixed(&mut patch, DELETE_SCALARS);
    for (field, scalars) in deletions {
        if let Some(list) = original.get_mut(&field) {
            *list = delete_scalars(list.take(), &scalars);
        }
    }
    for (field, order) in &orders {
        check_order(patch.get(field), order, kind.key_of(field))?;
    }
    for (field, value) in patch {
        merge_field(&mut original, field, value, kind)?;
    }
    for (field, order) in orders {
        if let Some(list) = original.get_mut(&field) {
            *list = order_by(list.take(), &order, kind.key_of(&field))?;
        }
    }
    Ok(original)
}

fn merge_field(
    original: &mut Map<String, Value>,
    field: String,
    value: Value,
    kind: &PatchType,
) -> Result<(), PatchError> {
    if value.is_null() {
        original.remove(&field);
        return Ok(());
    }
    let merged = match (original.get_mut(&field).map(Value::take), value) {
        (Some(Value::Object(own)), Value::Object(patch)) => {
            Some(Value::Object(merge(own, patch, kind.object(&field))?))
        }
        (Some(Value::Array(own)), Value::Array(patch)) => Some(Value::Array(match kind.field(&field) {
            Some(PatchField::KeyedList { key, element }) => merge_keyed(own, patch, key, element)?,
            Some(PatchField::Set) => merge_set(own, patch),
            _ => patch,
        })),
        (_, value) => without_directives(value),
    };
    match merged {
        Some(merged) => {
            original.insert(field, merged);
        }
        None => {
            original.remove(&field);
        }
    }
    Ok(())
}

/// What is left of a patch value that has nothing to merge with: no nulls and nothing with `$patch`. The other
/// directives stay, as they do in kube-apiserver, until the object's type does not know them. `None` if the value
/// itself is one with `$patch`.
pub(super) fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => Some(Value::Object(
            map.into_iter()
                .filter(|(_, child)| !child.is_null())
                .filter_map(|(key, child)| Some((key, without_directives(child)?)))
                .collect(),
        )),
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(without_directives).collect())),
        scalar => Some(scalar),
    }
}

fn retain_keys(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<(), PatchError> {
    let malformed = || PatchError::Malformed("invalid patch format of retainKeys list".into());
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let retained = retained.as_array().ok_or_else(malformed)?.clone();
    let keeps = |key: &str| retained.iter().any(|kept| kept == key);
    let unnamed = patch.iter().any(|(key, value)| {
        !value.is_null() && !key.starts_with(SET_ORDER) && !key.starts_with(DELETE_SCALARS) && !keeps(key)
    });
    if unnamed {
        return Err(malformed());
    }
    original.retain(|key, _| keeps(key));
    Ok(())
}

fn take_prefixed(patch: &mut Map<String, Value>, prefix: &str) -> Vec<(String, Value)> {
    let keys: Vec<String> = patch.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
    keys.into_iter()
        .filter_map(|key| {
            let value = patch.remove(&key)?;
            Some((key.strip_prefix(prefix)?.to_owned(), value))
        })
        .collect()
}

pub(super) fn unknown_directive(directive: &Value) -> PatchError {
    PatchError::Internal(format!("unknown patch type: {directive}"))
}

#[cfg(test)]
mod tests;

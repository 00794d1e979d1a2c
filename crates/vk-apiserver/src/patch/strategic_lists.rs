//! Lists under a strategic merge patch: merged by key, as sets, and put in order.

use serde_json::Value;

use super::PatchError;
use super::schema::PatchType;
use super::strategic::{DIRECTIVE, merge, unknown_directive, without_directives};

/// Merges two lists of objects by the value of `key`. Elements with `$patch: delete` remove, one with
/// `$patch: replace` throws away what was there.
pub(super) fn merge_keyed(
    original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    element: &PatchType,
) -> Result<Vec<Value>, PatchError> {
    let (kept, patch) = apply_element_directives(original, patch, key)?;
    let mut merged = kept.clone();
    for value in &patch {
        let identity = key_of(value, key)?;
        let place = merged.iter().position(|own| own.get(key) == Some(identity));
        match place.and_then(|index| merged.get_mut(index)) {
            Some(own) => {
                let (Value::Object(fields), Value::Object(change)) = (own.take(), value.clone()) else {
                    return Err(no_key(key));
                };
                *own = Value::Object(merge(fields, change, element)?);
            }
            None => merged.extend(without_directives(value.clone())),
        }
    }
    Ok(arrange(merged, &patch, &kept, Some(key)))
}

/// Unites two lists of scalars.
pub(super) fn merge_set(original: Vec<Value>, patch: Vec<Value>) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for value in original.iter().chain(&patch) {
        if !merged.contains(value) {
            merged.push(value.clone());
        }
    }
    arrange(merged, &patch, &original, None)
}

/// `$deleteFromPrimitiveList`: takes scalars out of a list.
pub(super) fn delete_scalars(list: Value, scalars: &Value) -> Value {
    match (list, scalars) {
        (Value::Array(mut items), Value::Array(scalars)) => {
            items.retain(|item| !scalars.contains(item));
            Value::Array(items)
        }
        // What is no list, or is to be deleted from none, stays.
        (other, _) => other,
    }
}

/// Refuses an order that does not name what the patch brings, in the patch's order.
pub(super) fn check_order(patch: Option<&Value>, order: &Value, key: Option<&str>) -> Result<(), PatchError> {
    let (Some(Value::Array(patch)), Value::Array(order)) = (patch, order) else { return Ok(()) };
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut named = order.iter();
    let brought = patch.iter().filter(|value| value.get(DIRECTIVE).is_none());
    for value in brought {
        if !named.any(|other| same(other, value, key)) {
            let message = format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                Value::from(patch.clone()),
                Value::from(order.clone())
            );
            return Err(PatchError::Internal(message));
        }
    }
    Ok(())
}

/// `$setElementOrder`: the named elements in the named order, the others where they stood.
pub(super) fn order_by(list: Value, order: &Value, key: Option<&str>) -> Result<Value, PatchError> {
    let order =
        order.as_array().ok_or_else(|| PatchError::Malformed("invalid patch format of setElementOrder list".into()))?;
    match list {
        Value::Array(items) => {
            let before = items.clone();
            Ok(Value::Array(arrange(items, order, &before, key)))
        }
        other => Ok(other),
    }
}

fn apply_element_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::new();
    let mut replace = false;
    for value in patch {
        match value.get(DIRECTIVE) {
            None => plain.push(value),
            Some(directive) => match directive.as_str() {
                Some("delete") => {
                    let identity = key_of(&value, key)?;
                    original.retain(|own| own.get(key) != Some(identity));
                }
                Some("replace") => replace = true,
                _ => return Err(unknown_directive(directive)),
            },
        }
    }
    if replace {
        original.clear();
    }
    Ok((original, plain))
}

/// Puts merged elements in order: those of the patch as the patch has them, the server's own between them where they
/// stood before; what is new stands before the server's own that follow it.
fn arrange(merged: Vec<Value>, patch: &[Value], server: &[Value], key: Option<&str>) -> Vec<Value> {
    let place = |list: &[Value], value: &Value| list.iter().position(|other| same(other, value, key));
    let (mut named, mut own): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|value| place(patch, value).is_some());
    named.sort_by_key(|value| place(patch, value));
    own.sort_by_key(|value| place(server, value));
    let mut result = Vec::with_capacity(named.len() + own.len());
    let (mut named, mut own) = (named.into_iter().peekable(), own.into_iter().peekable());
    while let (Some(left), Some(right)) = (own.peek(), named.peek()) {
        let own_first = match (place(server, left), place(server, right)) {
            (Some(left), Some(right)) => left < right,
            _ => false,
        };
        result.extend(if own_first { own.next() } else { named.next() });
    }
    result.extend(own);
    result.extend(named);
    result
}

fn same(left: &Value, right: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => left.get(key) == right.get(key),
        None => left == right,
    }
}

fn key_of<'value>(value: &'value Value, key: &str) -> Result<&'value Value, PatchError> {
    value.get(key).ok_or_else(|| no_key(key))
}

fn no_key(key: &str) -> PatchError {
    PatchError::Internal(format!("map: the patch has an element that does not contain declared merge key: {key}"))
}

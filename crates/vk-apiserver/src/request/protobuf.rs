//! Bodies in protobuf, as kubectl sends them where it knows the kind (Kubernetes documentation, "Kubernetes API
//! Concepts", alternate representations of resources): made into JSON before anything else sees them.
//!
//! Only the kinds of [`messages::KINDS`] are read, and only whole: a field that is not known there makes the body
//! unreadable, so that nothing is lost in silence.

mod messages;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::clock::rfc3339_seconds;
use messages::{Field, KINDS, Message};
use wire::{Content, Fields};

/// How such bodies are announced.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// Begins every such body.
const MAGIC: &[u8] = b"k8s\0";

/// The same object in JSON; `None` if it cannot be read.
pub(super) fn to_json(body: &[u8]) -> Option<Bytes> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for field in Fields::of(body.strip_prefix(MAGIC)?) {
        match field? {
            (1, Content::Bytes(of_type)) => {
                for field in Fields::of(of_type) {
                    match field? {
                        (1, Content::Bytes(text)) => api_version = read_text(text)?,
                        (2, Content::Bytes(text)) => kind = read_text(text)?,
                        _ => {}
                    }
                }
            }
            (2, Content::Bytes(object)) => raw = object,
            _ => {}
        }
    }
    let message = KINDS.iter().find(|known| known.0 == api_version && known.1 == kind)?.2;
    let mut object = read(message, raw)?;
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Some(Value::Object(object).to_string().into())
}

fn read(message: &Message, bytes: &[u8]) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for field in Fields::of(bytes) {
        let (number, content) = field?;
        let (_, name, kind) = message.fields.iter().find(|known| known.0 == number)?;
        add(&mut object, name, kind, content)?;
    }
    Some(object)
}

/// Adds one field. Go writes empty texts and zeros where JSON leaves the field out; only pointers can mean them.
fn add(object: &mut Map<String, Value>, name: &str, kind: &Field, content: Content<'_>) -> Option<()> {
    let value = match (kind, content) {
        (Field::Ignored, _) => return Some(()),
        (Field::Text, Content::Bytes([])) => return Some(()),
        (Field::Text | Field::OptionalText, Content::Bytes(bytes)) => read_text(bytes)?.into(),
        (Field::Number, Content::Number(0)) => return Some(()),
        // Negative numbers are written as their two's complement.
        (Field::Number | Field::OptionalNumber, Content::Number(number)) => number.cast_signed().into(),
        (Field::OptionalFlag, Content::Number(number)) => (number != 0).into(),
        (Field::Object(message), Content::Bytes(bytes)) => read(message, bytes)?.into(),
        (Field::Time, Content::Bytes(bytes)) => match read_time(bytes)? {
            Some(time) => time.into(),
            None => return Some(()),
        },
        (Field::Texts, Content::Bytes(bytes)) => return push(object, name, read_text(bytes)?.into()),
        (Field::Objects(message), Content::Bytes(bytes)) => return push(object, name, read(message, bytes)?.into()),
        (Field::TextsByName, Content::Bytes(entry)) => {
            let (key, value) = read_entry(entry)?;
            return insert(object, name, key, read_text(value)?);
        }
        (Field::BytesByName, Content::Bytes(entry)) => {
            let (key, value) = read_entry(entry)?;
            return insert(object, name, key, STANDARD.encode(value));
        }
        _ => return None,
    };
    object.insert(name.to_owned(), value);
    Some(())
}

fn push(object: &mut Map<String, Value>, name: &str, item: Value) -> Option<()> {
    let list = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    list.as_array_mut()?.push(item);
    Some(())
}

fn insert(object: &mut Map<String, Value>, name: &str, key: String, value: String) -> Option<()> {
    let map = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
    map.as_object_mut()?.insert(key, value.into());
    Some(())
}

/// An entry of a map: key and value.
fn read_entry(entry: &[u8]) -> Option<(String, &[u8])> {
    let (mut key, mut value) = (String::new(), &[][..]);
    for field in Fields::of(entry) {
        match field? {
            (1, Content::Bytes(text)) => key = read_text(text)?,
            (2, Content::Bytes(bytes)) => value = bytes,
            _ => return None,
        }
    }
    Some((key, value))
}

/// A time in whole seconds; nothing for Go's zero time, which is written without any.
fn read_time(bytes: &[u8]) -> Option<Option<String>> {
    let mut seconds = 0;
    for field in Fields::of(bytes) {
        match field? {
            (1, Content::Number(number)) => seconds = number.cast_signed(),
            (2, Content::Number(_)) => {}
            _ => return None,
        }
    }
    if seconds == 0 {
        return Some(None);
    }
    Timestamp::from_second(seconds).ok().map(|time| Some(rfc3339_seconds(time)))
}

fn read_text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests;

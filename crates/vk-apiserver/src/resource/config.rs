//! Kinds that are read and little else: ConfigMaps, Secrets, Endpoints, RuntimeClasses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Secret};
use k8s_openapi::api::node::v1::RuntimeClass;
use serde_json::Value;

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::{Object, escape};
use crate::patch::{GENERIC, PatchType};
use crate::validation::name_is_dns_label;

/// What the data of one ConfigMap or Secret may weigh.
const MAX_DATA_BYTES: usize = 1024 * 1024;

/// The strategy of ConfigMaps.
pub(super) struct ConfigMaps;

impl Strategy for ConfigMaps {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<ConfigMap>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn validate(&self, object: &Object) -> Vec<FieldError> {
        validate_data(object)
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        let mut errors = validate_data(new);
        errors.extend(frozen(new, old));
        errors
    }
}

/// The strategy of Secrets.
pub(super) struct Secrets;

impl Strategy for Secrets {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<Secret>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn default(&self, secret: &mut Object) {
        secret.set_default("/type", "Opaque");
        if let Some(Value::Object(plain)) = secret.remove("/stringData") {
            for (key, value) in plain {
                let encoded = STANDARD.encode(value.as_str().unwrap_or_default());
                secret.set(&format!("/data/{}", escape(&key)), encoded);
            }
        }
    }

    fn validate(&self, object: &Object) -> Vec<FieldError> {
        validate_data(object)
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        let mut errors = validate_data(new);
        if new.text("/type") != old.text("/type") {
            errors.push(FieldError::invalid("type", new.text("/type"), "field is immutable"));
        }
        errors.extend(frozen(new, old));
        errors
    }
}

/// The strategy of RuntimeClasses, which pods name and providers may read.
pub(super) struct RuntimeClasses;

impl Strategy for RuntimeClasses {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<RuntimeClass>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn validate(&self, class: &Object) -> Vec<FieldError> {
        let handler = class.text("/handler");
        if handler.is_empty() {
            return vec![FieldError::required("handler", "")];
        }
        name_is_dns_label(handler).map(|error| FieldError::invalid("handler", handler, &error)).into_iter().collect()
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        let handler = new.text("/handler");
        let changed = handler != old.text("/handler");
        changed.then(|| FieldError::invalid("handler", handler, "field is immutable")).into_iter().collect()
    }
}

/// The strategy of Endpoints, kept for clients that still read them.
pub(super) struct EndpointsStrategy;

impl Strategy for EndpointsStrategy {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<Endpoints>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn default(&self, endpoints: &mut Object) {
        for subset in endpoints.items_mut("/subsets") {
            let ports = subset.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
                port.entry("protocol").or_insert_with(|| "TCP".into());
            }
        }
    }

    fn creates_on_update(&self) -> bool {
        true
    }
}

fn validate_data(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut total = 0;
    for field in ["data", "binaryData"] {
        for (key, value) in object.strings(&format!("/{field}")) {
            total += value.len();
            let bytes_ok = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
            if key.is_empty() || key.len() > 253 || !bytes_ok || key == "." || key.starts_with("..") {
                let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                errors.push(FieldError::invalid(format!("{field}[{key}]"), key, detail));
            }
        }
    }
    let binary = object.strings("/binaryData");
    for key in object.strings("/data").into_keys().filter(|key| binary.contains_key(key)) {
        errors.push(FieldError::invalid(format!("data[{key}]"), key, "duplicate of key present in binaryData"));
    }
    if total > MAX_DATA_BYTES {
        let detail = format!("must have at most {MAX_DATA_BYTES} bytes");
        errors.push(FieldError::invalid("data", "", &detail));
    }
    errors
}

fn frozen(new: &Object, old: &Object) -> Vec<FieldError> {
    if !old.flag("/immutable") {
        return Vec::new();
    }
    let detail = "field is immutable when `immutable` is set";
    ["immutable", "data", "binaryData"]
        .into_iter()
        .filter(|field| new.at(&format!("/{field}")) != old.at(&format!("/{field}")))
        .map(|field| FieldError::forbidden(field, detail))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_secret_strings_become_data() {
        let mut secret = Object::from_value(json!({"stringData": {"a/b": "x"}, "data": {"c": "eQ=="}})).unwrap();
        Secrets.default(&mut secret);
        assert_eq!(secret.into_value(), json!({"type": "Opaque", "data": {"a/b": "eA==", "c": "eQ=="}}));
    }

    #[test]
    fn an_immutable_config_map_stays_as_it_is() {
        let old = Object::from_value(json!({"immutable": true, "data": {"a": "1"}})).unwrap();
        let new = Object::from_value(json!({"immutable": true, "data": {"a": "2"}})).unwrap();
        assert_eq!(ConfigMaps.validate_update(&new, &old).len(), 1);
        assert!(ConfigMaps.validate_update(&old, &old).is_empty());
    }
}

//! IP addresses in statuses.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::api_error::FieldError;
use crate::object::Object;

/// Checks a list of `{"ip": …}`: each one valid, and at most one of each family. `field` is such as `podIPs`.
pub(super) fn validate_ip_list(new: &Object, old: &Object, field: &str) -> Vec<FieldError> {
    let pointer = format!("/status/{field}");
    let path = format!("status.{field}");
    let known = addresses(old, &pointer);
    let given = addresses(new, &pointer);
    let mut errors = Vec::new();
    let mut families = Vec::new();
    for (index, text) in given.iter().enumerate() {
        match text.parse::<IpAddr>() {
            Ok(address) => families.push(address.is_ipv4()),
            Err(_) if known.contains(text) => {}
            Err(_) => {
                let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                errors.push(FieldError::invalid(format!("{path}[{index}]"), *text, detail));
            }
        }
    }
    let dual_stack = matches!(families.as_slice(), [first, second] if first != second);
    if given.len() > 1 && !dual_stack {
        let value: Vec<Value> = given.iter().map(|ip| json!({"IP": ip})).collect();
        errors.push(FieldError::invalid(path, value, "may specify no more than one IP for each IP family"));
    }
    errors
}

fn addresses<'object>(object: &'object Object, pointer: &str) -> Vec<&'object str> {
    let ip = |entry: &'object Value| entry.get("ip").and_then(Value::as_str).unwrap_or_default();
    object.items(pointer).iter().map(ip).collect()
}

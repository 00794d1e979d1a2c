//! Requests and limits.

use serde_json::Value;

use crate::api_error::FieldError;
use crate::quantity::Quantity;

const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

pub(super) fn validate_resources(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(resources) = container.get("resources") else { return };
    let path = format!("{path}.resources");
    for kind in ["limits", "requests"] {
        for (name, text, amount) in amounts(resources, kind) {
            let at = format!("{path}.{kind}[{name}]");
            if !is_standard(name) && !name.contains('/') {
                let value = name.to_owned();
                let first = "must be a standard resource type or fully qualified";
                errors.push(FieldError::invalid(at.clone(), value.clone(), first));
                errors.push(FieldError::invalid(at.clone(), value, "must be a standard resource for containers"));
            }
            if amount.is_negative() {
                errors.push(FieldError::invalid(at.clone(), text, "must be greater than or equal to 0"));
            }
            if name.contains('/') && !amount.is_whole() {
                errors.push(FieldError::invalid(at, text, "must be an integer"));
            }
        }
    }
    let limits: Vec<(&str, &str, Quantity)> = amounts(resources, "limits").collect();
    for (name, text, amount) in amounts(resources, "requests") {
        let limit = limits.iter().find(|(limited, ..)| *limited == name);
        match limit {
            Some((_, limit_text, limit)) if amount > *limit => {
                let detail = format!("must be less than or equal to {name} limit of {limit_text}");
                errors.push(FieldError::invalid(format!("{path}.requests"), text, &detail));
            }
            None if name.contains('/') => {
                let detail = "Limit must be set for non overcommitable resources";
                errors.push(FieldError::required(format!("{path}.limits"), detail));
            }
            _ => {}
        }
    }
}

fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name) || name.starts_with("hugepages-")
}

fn amounts<'value>(
    resources: &'value Value,
    kind: &str,
) -> impl Iterator<Item = (&'value str, &'value str, Quantity)> + use<'value> {
    resources.get(kind).and_then(Value::as_object).into_iter().flatten().filter_map(|(name, amount)| {
        let text = amount.as_str()?;
        Some((name.as_str(), text, Quantity::parse(text)?))
    })
}

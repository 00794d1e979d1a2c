//! Schemas, in the form in which the Kubernetes API server writes them.

use k8s_openapi::schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::kinds::{KINDS, Kind};

const COMPONENTS: &str = "#/components/schemas/";

/// The schemas of a group's kinds and of everything that they are made of, by name.
pub(super) fn of_group(group: &str) -> Map<String, Value> {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.meta_schema = None;
        settings.transforms.clear();
    });
    let mut generator = settings.into_generator();
    let kinds = || KINDS.iter().filter(|kind| kind.group == group);
    kinds().for_each(|kind| drop((kind.schema)(&mut generator)));
    let mut schemas = generator.take_definitions(false);
    for kind in kinds() {
        if let Some(Value::Object(schema)) = schemas.get_mut(&*(kind.name)()) {
            schema.insert("x-kubernetes-group-version-kind".into(), json!([of(kind)]));
        }
    }
    schemas.values_mut().for_each(wrap_references);
    schemas
}

/// The schema of a kind by reference.
pub(super) fn reference(kind: &Kind) -> Value {
    json!({"$ref": format!("{COMPONENTS}{}", (kind.name)())})
}

/// Group, version and kind, as extensions name them.
pub(super) fn of(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// Version 2 keeps schemas at another place.
pub(super) fn refer_to_definitions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get_mut("$ref") {
                *target = target.replace(COMPONENTS, "#/definitions/");
            }
            fields.values_mut().for_each(refer_to_definitions);
        }
        Value::Array(items) => items.iter_mut().for_each(refer_to_definitions),
        _ => {}
    }
}

/// Beside a reference nothing may stand in OpenAPI 3.0: what does, for example a description, is joined by `allOf`.
fn wrap_references(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(wrap_references);
            if fields.len() > 1
                && fields.get("$ref").is_some_and(Value::is_string)
                && let Some(target) = fields.remove("$ref")
            {
                fields.insert("allOf".into(), json!([{"$ref": target}]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(wrap_references),
        _ => {}
    }
}

//! POST of a new object.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::Value;

use super::{Call, Kernel, Reply};
use crate::admission;
use crate::api_error::{ApiError, FieldError};
use crate::clock::{Now, rfc3339_seconds};
use crate::identity::Identity;
use crate::object::Object;
use crate::quantity::{SHAPE, canonical};
use crate::request::{ApiRequest, Target, WriteOptions, duplicate_fields};
use crate::resource::{self, Resource, drop_empty};
use crate::storage::Key;
use crate::validation::validate_metadata;

/// The part of a generated name that stays; the suffix has five characters.
const MAX_GENERATED_BASE: usize = 58;

impl Kernel {
    pub(super) fn create(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        if !call.path.name.is_empty() {
            return Err(super::dispatch::not_allowed());
        }
        call.request.format()?;
        call.request.content_type.require_json()?;
        WriteOptions::Create.check(&call.request.query)?;
        let served = call.json_body(call.resource.kind, &call.resource.api_version())?;
        let Decoded { object, unknown } = decode(call.resource, served, call.request.query.text("fieldValidation"))?;
        let warnings = check_duplicates(call, unknown)?;
        let created = self.insert(call, object, call.request.query.is_dry_run())?;
        Ok(call.object_reply(StatusCode::CREATED, &created)?.with_warnings(&warnings))
    }

    /// Takes a decoded object through naming, admission and validation into the store.
    pub(super) fn insert(
        &mut self,
        call: &Call<'_>,
        mut object: Object,
        dry_run: bool,
    ) -> Result<Arc<Object>, ApiError> {
        place_in_namespace(call, &mut object)?;
        if !matches!(object.resource_version(), "" | "0") {
            return Err(ApiError::unexpected("resourceVersion should not be set on objects to be created"));
        }
        let generated = self.generate_name(&mut object);
        call.resource.strategy.default(&mut object);
        admission::admit_create(self, call, &mut object)?;
        self.assign_cluster_ip(call.resource, &mut object);
        self.fill_system_fields(&mut object, call.now);
        call.resource.strategy.prepare_create(&mut object);
        let mut errors = validate_metadata(call.resource, &object);
        errors.extend(call.resource.strategy.validate(&object));
        if !errors.is_empty() {
            return Err(ApiError::invalid(call.resource.group, call.resource.kind, object.name(), &errors));
        }
        let key = Key::of(&object);
        if self.storage.get(call.resource.storage, &key).is_some() {
            let error = ApiError::already_exists(call.resource, &key.name);
            return Err(if generated { error.with_retry_after(1) } else { error });
        }
        Ok(if dry_run { Arc::new(object) } else { self.put(call.resource.storage, object, call.now) })
    }

    /// Creates an object as a controller would by a request of its own: with admission, defaults and validation.
    pub(crate) fn create_as_controller(
        &mut self,
        plural: &str,
        object: Object,
        now: Now,
    ) -> Result<Arc<Object>, ApiError> {
        let resource = resource::find("", plural).ok_or_else(ApiError::path_not_found)?;
        let path = format!("/api/v1/namespaces/{}/{plural}", object.namespace());
        let request = Request::post(path)
            .body(Bytes::new())
            .map_err(|error| ApiError::bad_request(format!("no such path: {error}")))?;
        let request = ApiRequest::read(&request);
        let Target::Resource(path) = &request.target else { return Err(ApiError::path_not_found()) };
        let identity = Identity::admin();
        let call = Call { request: &request, path, resource, identity: &identity, now, behind: 0 };
        self.insert(&call, object, false)
    }

    fn generate_name(&mut self, object: &mut Object) -> bool {
        let base = object.text("/metadata/generateName");
        if !object.name().is_empty() || base.is_empty() {
            return false;
        }
        let base: String = base.chars().take(MAX_GENERATED_BASE).collect();
        object.set("/metadata/name", format!("{base}{}", self.entropy.name_suffix()));
        true
    }

    fn fill_system_fields(&mut self, object: &mut Object, now: Now) {
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"] {
            object.remove(&format!("/metadata/{field}"));
        }
        object.set("/metadata/uid", self.entropy.uid());
        object.set("/metadata/creationTimestamp", rfc3339_seconds(now.wall));
    }
}

/// An object in its stored form.
pub(super) struct Decoded {
    pub(super) object: Object,
    /// What is to be told of fields that were dropped, where the sender wants to know.
    pub(super) unknown: Vec<String>,
}

/// Decodes a served object into its stored form. With strict field validation unknown fields are an error.
pub(super) fn decode(resource: &Resource, served: Object, field_validation: &str) -> Result<Decoded, ApiError> {
    let given = served.into_value();
    let mut decoded = resource.strategy.decode(given.clone()).map_err(|error| {
        ApiError::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {error}",
            resource.kind, resource.version, resource.kind
        ))
    })?;
    let unknown: Vec<String> = match field_validation {
        "Strict" | "Warn" => {
            unknown_fields(&given, &decoded, "").iter().map(|field| format!("unknown field {field:?}")).collect()
        }
        _ => Vec::new(),
    };
    if field_validation == "Strict" && !unknown.is_empty() {
        return Err(strict_error(resource, &unknown));
    }
    canonicalize_quantities(&mut decoded).map_err(ApiError::bad_request)?;
    drop_empty(&mut decoded);
    let object = Object::from_value(decoded).map_err(|_| ApiError::internal("a kind that is no JSON object"))?;
    Ok(Decoded { object: resource.strategy.to_stored(object), unknown })
}

/// With strict field validation, refuses a document in which a field stands twice. Where the sender wants to be warned,
/// adds such fields to the warnings.
pub(super) fn check_duplicates(call: &Call<'_>, mut warnings: Vec<String>) -> Result<Vec<String>, ApiError> {
    let validation = call.request.query.text("fieldValidation");
    if !matches!(validation, "Strict" | "Warn") {
        return Ok(warnings);
    }
    let twice = duplicate_fields(&call.request.body).into_iter().map(|field| format!("duplicate field {field:?}"));
    let twice: Vec<String> = twice.collect();
    if validation == "Strict" && !twice.is_empty() {
        return Err(strict_error(call.resource, &twice));
    }
    warnings.extend(twice);
    Ok(warnings)
}

fn strict_error(resource: &Resource, errors: &[String]) -> ApiError {
    let (kind, version) = (resource.kind, resource.version);
    ApiError::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {}",
        errors.join(", ")
    ))
}

/// Quantities are texts to the decoder: refuses what is none, and writes the rest in their canonical form.
fn canonicalize_quantities(value: &mut Value) -> Result<(), String> {
    const MAPS: [&str; 6] = ["allocatable", "allocatedResources", "capacity", "limits", "overhead", "requests"];
    const FIELDS: [&str; 2] = ["divisor", "sizeLimit"];
    match value {
        Value::Object(fields) => fields.iter_mut().try_for_each(|(field, child)| match child {
            Value::Object(amounts) if MAPS.contains(&field.as_str()) => amounts.values_mut().try_for_each(canonicalize),
            Value::String(_) if FIELDS.contains(&field.as_str()) => canonicalize(child),
            other => canonicalize_quantities(other),
        }),
        Value::Array(items) => items.iter_mut().try_for_each(canonicalize_quantities),
        _ => Ok(()),
    }
}

fn canonicalize(amount: &mut Value) -> Result<(), String> {
    if let Value::String(text) = amount {
        *text = canonical(text).ok_or(SHAPE)?;
    }
    Ok(())
}

/// Fields with a value that decoding dropped.
fn unknown_fields(given: &Value, decoded: &Value, path: &str) -> Vec<String> {
    match (given, decoded) {
        (Value::Object(given), Value::Object(decoded)) => given
            .iter()
            .flat_map(|(field, value)| {
                let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
                match decoded.get(field) {
                    Some(kept) => unknown_fields(value, kept, &path),
                    None if value.is_null() => Vec::new(),
                    None => vec![path],
                }
            })
            .collect(),
        (Value::Array(given), Value::Array(decoded)) => given
            .iter()
            .zip(decoded)
            .enumerate()
            .flat_map(|(index, (given, decoded))| unknown_fields(given, decoded, &format!("{path}[{index}]")))
            .collect(),
        _ => Vec::new(),
    }
}

fn place_in_namespace(call: &Call<'_>, object: &mut Object) -> Result<(), ApiError> {
    if !call.resource.namespaced {
        object.remove("/metadata/namespace");
        return Ok(());
    }
    let own = object.namespace();
    if !own.is_empty() && own != call.path.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    object.set("/metadata/namespace", call.path.namespace.clone());
    Ok(())
}

/// A subresource body that names another object than the path.
pub(super) fn require_same_name(kind: &str, group: &str, body: &Object, name: &str) -> Result<(), ApiError> {
    if body.name().is_empty() || body.name() == name {
        return Ok(());
    }
    let error = FieldError::invalid("metadata.name", body.name(), "must match the name on the URL if specified");
    Err(ApiError::invalid(group, kind, name, &[error]))
}

//! PUT and PATCH, of the object and of its subresources.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::create::{Decoded, check_duplicates, decode};
use super::{Call, Kernel, Reply};
use crate::admission;
use crate::api_error::{ApiError, FieldError};
use crate::clock::{Now, rfc3339_seconds};
use crate::defaults::qos_class;
use crate::object::Object;
use crate::patch::{PatchError, apply_json_patch, apply_merge_patch, apply_strategic_patch};
use crate::request::{ContentType, WriteOptions};
use crate::storage::Key;
use crate::validation::{validate_ephemeral_update, validate_metadata_update, validate_pod_spec};

/// As another code than that for unknown media types, in place of which kubectl prints words of its own.
const NO_APPLY: &str = "server-side apply is not served here: use kubectl apply without --server-side, or send a strategic merge patch or a merge patch";

/// Which part of an object a write may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Main,
    Status,
    Finalize,
    Approval,
    EphemeralContainers,
    Resize,
}

impl Part {
    pub(super) fn named(subresource: &str) -> Result<Self, ApiError> {
        match subresource {
            "" => Ok(Self::Main),
            "status" => Ok(Self::Status),
            "finalize" => Ok(Self::Finalize),
            "approval" => Ok(Self::Approval),
            "ephemeralcontainers" => Ok(Self::EphemeralContainers),
            "resize" => Ok(Self::Resize),
            _ => Err(super::dispatch::not_allowed()),
        }
    }
}

impl Kernel {
    pub(super) fn update(&mut self, call: &Call<'_>, part: Part) -> Result<Reply, ApiError> {
        call.request.format()?;
        call.request.content_type.require_json()?;
        WriteOptions::Update.check(&call.request.query)?;
        let served = call.json_body(call.resource.kind, &call.resource.api_version())?;
        let Decoded { mut object, unknown } =
            decode(call.resource, served, call.request.query.text("fieldValidation"))?;
        let warnings = check_duplicates(call, unknown)?;
        require_own_name(call, &object)?;
        let Some(old) = self.storage.get(call.resource.storage, &call.key()).map(Arc::clone) else {
            return Ok(self.create_by_update(call, object, part)?.with_warnings(&warnings));
        };
        if !object.uid().is_empty() && object.uid() != old.uid() {
            let why = uid_mismatch(call, object.uid(), old.uid());
            return Err(ApiError::conflict(call.resource, &call.path.name, &why));
        }
        if call.resource.namespaced {
            require_own_namespace(call, &object)?;
            object.set("/metadata/namespace", call.path.namespace.clone());
        }
        Ok(self.replace(call, part, &old, object)?.with_warnings(&warnings))
    }

    fn create_by_update(&mut self, call: &Call<'_>, mut object: Object, part: Part) -> Result<Reply, ApiError> {
        if part != Part::Main || !call.resource.strategy.creates_on_update() {
            return Err(ApiError::not_found(call.resource, &call.path.name));
        }
        object.remove("/metadata/resourceVersion");
        let created = self.insert(call, object, call.request.query.is_dry_run())?;
        call.object_reply(StatusCode::CREATED, &created)
    }

    pub(super) fn patch(&mut self, call: &Call<'_>, part: Part) -> Result<Reply, ApiError> {
        call.request.format()?;
        if call.request.content_type == ContentType::Apply {
            return Err(ApiError::method_not_allowed(NO_APPLY));
        }
        if !call.request.content_type.is_patch() {
            return Err(ApiError::unsupported_media_type("415: Unsupported Media Type"));
        }
        WriteOptions::Patch(&call.request.content_type).check(&call.request.query)?;
        let patch: Value = serde_json::from_slice(&call.request.body)
            .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
        let old = self
            .storage
            .get(call.resource.storage, &call.key())
            .map(Arc::clone)
            .ok_or_else(|| ApiError::not_found(call.resource, &call.path.name))?;
        let mut served = call.resource.strategy.to_served(&old).into_value();
        apply(call, &mut served, &patch)?;
        if call.request.content_type == ContentType::StrategicMergePatch {
            // Into a typed object, which knows what it is.
            for (field, value) in [("kind", call.resource.kind.to_owned()), ("apiVersion", call.resource.api_version())]
            {
                served.as_object_mut().map(|fields| fields.insert(field.to_owned(), value.into()));
            }
        }
        let undecodable =
            |error: String| ApiError::invalid("", "", "", &[FieldError::invalid("patch", patch.to_string(), &error)]);
        let served = Object::from_value(served).map_err(|_| undecodable("the result is no object".into()))?;
        let Decoded { object: patched, unknown } =
            decode(call.resource, served, call.request.query.text("fieldValidation"))
                .map_err(|error| undecodable(error.message))?;
        require_own_name(call, &patched)?;
        require_own_namespace(call, &patched)?;
        Ok(self.replace(call, part, &old, patched)?.with_warnings(&unknown))
    }

    /// Puts `new` in the place of `old`, as far as the part allows.
    fn replace(&mut self, call: &Call<'_>, part: Part, old: &Arc<Object>, mut new: Object) -> Result<Reply, ApiError> {
        let strategy = call.resource.strategy;
        strategy.default(&mut new);
        new.remove("/metadata/managedFields");
        admission::admit_update(self, call, &mut new, old)?;
        self.check_version(call, &mut new, old)?;
        restore_system_fields(&mut new, old);
        prepare(call, part, &mut new, old);
        let mut errors = validate_metadata_update(&new, old);
        errors.extend(match part {
            Part::Main | Part::Finalize => strategy.validate_update(&new, old),
            Part::Status => strategy.validate_status_update(&new, old),
            Part::Approval => strategy.validate_approval(&new, old),
            Part::EphemeralContainers => validate_ephemeral_update(&new, old),
            Part::Resize => validate_resize(&new),
        });
        if !errors.is_empty() {
            return Err(ApiError::invalid(call.resource.group, call.resource.kind, new.name(), &errors));
        }
        if call.request.query.is_dry_run() || new == **old {
            return call.object_reply(StatusCode::OK, &new);
        }
        if is_released(&new, old) {
            self.remove(call.resource.storage, &Key::of(old), call.now);
            return call.object_reply(StatusCode::OK, &new);
        }
        let written = self.put(call.resource.storage, new, call.now);
        call.object_reply(StatusCode::OK, &written)
    }

    fn check_version(&self, call: &Call<'_>, new: &mut Object, old: &Object) -> Result<(), ApiError> {
        match new.resource_version() {
            "" | "0" if call.resource.strategy.updates_unconditionally() => {
                new.copy_from("/metadata/resourceVersion", old);
                Ok(())
            }
            "" | "0" => {
                let error = FieldError::invalid("metadata.resourceVersion", 0, "must be specified for an update");
                Err(ApiError::invalid(call.resource.group, call.resource.plural, new.name(), &[error]))
            }
            version if version == old.resource_version() => Ok(()),
            version if version.parse::<u64>().is_err() => {
                Err(ApiError::unexpected(format!("strconv.ParseUint: parsing {version:?}: invalid syntax")))
            }
            _ => Err(ApiError::modified(call.resource, new.name())),
        }
    }
}

fn uid_mismatch(call: &Call<'_>, wanted: &str, found: &str) -> String {
    let path = call.path;
    let slash = if path.namespace.is_empty() { "" } else { "/" };
    format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{}/{}{slash}{}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}",
        path.plural, path.namespace, path.name
    )
}

fn require_own_name(call: &Call<'_>, object: &Object) -> Result<(), ApiError> {
    if object.name() == call.path.name {
        return Ok(());
    }
    if object.name().is_empty() {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            call.path.name
        )));
    }
    Err(ApiError::bad_request(format!(
        "the name of the object ({}) does not match the name on the URL ({})",
        object.name(),
        call.path.name
    )))
}

fn require_own_namespace(call: &Call<'_>, object: &Object) -> Result<(), ApiError> {
    if object.namespace().is_empty() || object.namespace() == call.path.namespace {
        return Ok(());
    }
    let why = "the namespace of the provided object does not match the namespace sent on the request";
    Err(ApiError::bad_request(why))
}

fn validate_resize(pod: &Object) -> Vec<FieldError> {
    let mut errors = validate_pod_spec(pod);
    let class = pod.text("/status/qosClass");
    if qos_class(pod) != class {
        errors.push(FieldError::invalid("spec", class, "Pod QOS Class may not change as a result of resizing"));
    }
    errors
}

fn apply(call: &Call<'_>, target: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let applied = match &call.request.content_type {
        ContentType::JsonPatch => apply_json_patch(target, patch),
        ContentType::MergePatch if patch.is_object() => {
            apply_merge_patch(target, patch);
            Ok(())
        }
        ContentType::MergePatch => Err(PatchError::Malformed("Invalid JSON Patch".into())),
        ContentType::StrategicMergePatch => apply_strategic_patch(target, patch, call.resource.strategy.patch_type()),
        _ => {
            return Err(ApiError::unsupported_media_type("415: Unsupported Media Type"));
        }
    };
    applied.map_err(|error| match error {
        PatchError::Malformed(message) => ApiError::bad_request(message),
        PatchError::Inapplicable(message) => ApiError::unprocessable(&message),
        PatchError::Internal(message) => ApiError::unexpected(message),
    })
}

/// What no client can change (`BeforeUpdate` in `registry/rest/update.go`).
fn restore_system_fields(new: &mut Object, old: &Object) {
    new.remove("/metadata/selfLink");
    for field in ["generation", "creationTimestamp"] {
        new.copy_from(&format!("/metadata/{field}"), old);
    }
    if new.uid().is_empty() {
        new.copy_from("/metadata/uid", old);
    }
    if old.deletion_timestamp().is_some() {
        new.copy_from("/metadata/deletionTimestamp", old);
    }
    if new.deletion_grace().is_none() {
        new.copy_from("/metadata/deletionGracePeriodSeconds", old);
    }
}

fn prepare(call: &Call<'_>, part: Part, new: &mut Object, old: &Object) {
    let strategy = call.resource.strategy;
    match part {
        Part::Main => strategy.prepare_update(new, old),
        Part::Status => strategy.prepare_status_update(new, old),
        Part::Finalize => new.copy_from("/status", old),
        Part::Approval => {
            let mut conditions = new.items("/status/conditions").to_vec();
            stamp(&mut conditions, old, call.now);
            new.copy_from("/spec", old);
            new.copy_from("/status", old);
            new.set_or_remove("/status/conditions", (!conditions.is_empty()).then(|| conditions.into()));
        }
        Part::EphemeralContainers => keep_only(new, old, |new, result| {
            result.copy_from("/spec/ephemeralContainers", new);
        }),
        Part::Resize => keep_only(new, old, |new, result| {
            for list in ["containers", "initContainers"] {
                for index in 0..new.items(&format!("/spec/{list}")).len() {
                    for field in ["resources", "resizePolicy"] {
                        result.copy_from_item(&format!("/spec/{list}"), index, field, new);
                    }
                }
            }
        }),
    }
}

/// Gives conditions their times: when they were written, and when their status last changed.
fn stamp(conditions: &mut [Value], old: &Object, now: Now) {
    let time = Value::from(rfc3339_seconds(now.wall));
    for condition in conditions.iter_mut().filter_map(Value::as_object_mut) {
        let known = old.items("/status/conditions").iter().find(|own| own.get("type") == condition.get("type"));
        let unchanged = known.filter(|own| own.get("status") == condition.get("status"));
        for field in ["lastTransitionTime", "lastUpdateTime"] {
            let before = unchanged.and_then(|own| own.get(field)).filter(|time| !time.is_null()).cloned();
            if condition.get(field).is_none_or(Value::is_null) {
                condition.insert(field.to_owned(), before.unwrap_or_else(|| time.clone()));
            }
        }
    }
}

/// The old object with some spec fields of the new one; a changed spec is a new generation.
fn keep_only(new: &mut Object, old: &Object, take: impl FnOnce(&Object, &mut Object)) {
    let mut result = old.clone();
    result.copy_from("/metadata/resourceVersion", new);
    take(new, &mut result);
    if result.at("/spec") != old.at("/spec") {
        result.set("/metadata/generation", old.generation() + 1);
    }
    *new = result;
}

/// Whether this write took the last finalizer from an object that waits for nothing else
/// (`ShouldDeleteDuringUpdate`).
fn is_released(new: &Object, old: &Object) -> bool {
    new.finalizers().is_empty()
        && !is_held_namespace(new)
        && old.deletion_timestamp().is_some()
        && new.deletion_grace().unwrap_or_default() == 0
        && old.deletion_grace().unwrap_or_default() == 0
}

/// A namespace is also held by `spec.finalizers`.
fn is_held_namespace(object: &Object) -> bool {
    object.text("/kind") == "Namespace" && !object.items("/spec/finalizers").is_empty()
}

//! DELETE: at once, gracefully, or held by finalizers (`registry/rest/delete.go`, `registry/generic/registry/store.go`).

use std::sync::Arc;

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Call, Kernel, Reply};
use crate::admission;
use crate::api_error::ApiError;
use crate::clock::Now;
use crate::object::Object;
use crate::request::{DeleteOptions, Preconditions, check_list_options};
use crate::resource::{Resource, usable_grace};
use crate::storage::Key;

/// Finalizers that the garbage collector works off.
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What a DELETE does to an object.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Somebody else's deletion goes on as it was.
    Leave,
    /// Write this and keep it: grace or finalizers are left.
    Keep(Object),
    /// Write this if it differs, then remove it.
    Remove(Object),
}

/// What became of an object.
pub(crate) enum Deleted {
    /// It is still there.
    Kept(Arc<Object>),
    /// It is gone; its last state.
    Gone(Arc<Object>),
}

impl Kernel {
    pub(super) fn delete(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let options = read_options(call)?;
        let key = call.key();
        let old = self
            .storage
            .get(call.resource.storage, &key)
            .map(Arc::clone)
            .ok_or_else(|| ApiError::not_found(call.resource, &key.name))?;
        admission::admit_delete(self, call, &old)?;
        match self.delete_object(call.resource, &old, &options, call.now)? {
            Deleted::Gone(last) if !call.resource.strategy.returns_deleted() => {
                Ok(Reply::json(StatusCode::OK, &success(call.resource, &last)))
            }
            Deleted::Gone(object) | Deleted::Kept(object) => call.object_reply(StatusCode::OK, &object),
        }
    }

    pub(super) fn delete_collection(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let options = read_options(call)?;
        check_list_options(&call.request.query)?;
        let format = call.request.format()?;
        let selector = call.request.selector()?;
        selector.fields.check(call.resource).map_err(ApiError::bad_request)?;
        let namespace = Some(&*call.path.namespace).filter(|namespace| !namespace.is_empty());
        let selected: Vec<Arc<Object>> = self
            .storage
            .collection(call.resource.storage)
            .objects(namespace)
            .filter(|object| selector.matches(call.resource, object))
            .cloned()
            .collect();
        let mut deleted = Vec::with_capacity(selected.len());
        for object in selected {
            admission::admit_delete(self, call, &object)?;
            self.delete_object(call.resource, &object, &options, call.now)?;
            deleted.push(object);
        }
        let metadata = json!({"resourceVersion": self.storage.revision().to_string()});
        Ok(Reply::json(StatusCode::OK, &format.render_list(call.resource, &deleted, metadata, call.now.wall)))
    }

    /// Deletes one object that exists, past authorization and admission.
    pub(crate) fn delete_object(
        &mut self,
        resource: &'static Resource,
        old: &Arc<Object>,
        options: &DeleteOptions,
        now: Now,
    ) -> Result<Deleted, ApiError> {
        check_preconditions(resource, old, options.preconditions.as_ref())?;
        let step = plan(resource, old, options, now);
        if options.is_dry_run() {
            return Ok(match step {
                Step::Leave => Deleted::Kept(Arc::clone(old)),
                Step::Keep(object) => Deleted::Kept(Arc::new(object)),
                Step::Remove(object) => Deleted::Gone(Arc::new(object)),
            });
        }
        Ok(match step {
            Step::Leave => Deleted::Kept(Arc::clone(old)),
            Step::Keep(object) if object == **old => Deleted::Kept(Arc::clone(old)),
            Step::Keep(object) => Deleted::Kept(self.put(resource.storage, object, now)),
            Step::Remove(object) => {
                if object != **old {
                    self.put(resource.storage, object, now);
                }
                let gone = self.remove(resource.storage, &Key::of(old), now);
                Deleted::Gone(gone.unwrap_or_else(|| Arc::clone(old)))
            }
        })
    }
}

fn read_options(call: &Call<'_>) -> Result<DeleteOptions, ApiError> {
    call.request.format()?;
    let options = DeleteOptions::read(&call.request.body, &call.request.query)?;
    options.check()?;
    Ok(options)
}

fn check_preconditions(resource: &Resource, old: &Object, wanted: Option<&Preconditions>) -> Result<(), ApiError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let (what, reason, asked, found) = match (&wanted.uid, &wanted.resource_version) {
        (Some(uid), _) if uid != old.uid() => ("UID", "deleted and then recreated", uid, old.uid()),
        (_, Some(version)) if version != old.resource_version() => {
            ("ResourceVersion", "modified", version, old.resource_version())
        }
        _ => return Ok(()),
    };
    if resource.storage == "namespaces" {
        let why = format!("Precondition failed: {what} in precondition: {asked}, {what} in object meta: {found}");
        return Err(ApiError::conflict(resource, old.name(), &why));
    }
    let why = format!(
        "the {what} in the precondition ({asked}) does not match the {what} in record ({found}). The object might have been {reason}"
    );
    Err(ApiError::precondition(resource, old.name(), &why))
}

/// Decides what a DELETE does, without doing it.
fn plan(resource: &Resource, old: &Object, options: &DeleteOptions, now: Now) -> Step {
    let requested = options.grace_period_seconds.map(usable_grace);
    let mut object = old.clone();
    let graceful = match (old.deletion_timestamp(), resource.strategy.grace(old, requested)) {
        (_, None) => false,
        (None, Some(grace)) => {
            begin(&mut object, grace, now);
            true
        }
        (Some(_), Some(_)) => match old.deletion_grace().map(usable_grace) {
            None | Some(0) => false,
            Some(current) => match requested {
                Some(requested) if requested < current => {
                    shorten(&mut object, current, requested, now);
                    true
                }
                _ => return Step::Leave,
            },
        },
    };
    set_propagation(&mut object, options, resource.strategy.orphans_dependents());
    let held = !object.finalizers().is_empty() || resource.storage == "namespaces";
    match (graceful, held) {
        (true, _) if object.deletion_grace().unwrap_or_default() > 0 => Step::Keep(object),
        (true, true) => Step::Keep(object),
        (false, true) => {
            mark_as_deleting(&mut object, now);
            Step::Keep(object)
        }
        (_, false) => Step::Remove(object),
    }
}

fn begin(object: &mut Object, grace: i64, now: Now) {
    let deadline = now.wall.saturating_add(SignedDuration::from_secs(grace)).unwrap_or(now.wall);
    object.set_deletion_timestamp(deadline);
    object.set("/metadata/deletionGracePeriodSeconds", grace);
    bump_generation(object);
}

/// A later DELETE may only bring the end nearer, never into the past.
fn shorten(object: &mut Object, current: i64, requested: i64, now: Now) {
    let Some(deadline) = object.deletion_timestamp() else { return };
    let moved = SignedDuration::from_secs(requested - current);
    let mut deadline = deadline.saturating_add(moved).unwrap_or(now.wall);
    let mut grace = requested;
    if deadline < now.wall {
        deadline = now.wall;
        if requested != 0 {
            grace = 1;
        }
    }
    object.set_deletion_timestamp(deadline);
    object.set("/metadata/deletionGracePeriodSeconds", grace);
}

/// Without graceful deletion, finalizers alone hold the object.
fn mark_as_deleting(object: &mut Object, now: Now) {
    let deadline = object.deletion_timestamp();
    if deadline.is_none() {
        bump_generation(object);
    }
    if deadline.is_none_or(|deadline| deadline > now.wall) {
        object.set_deletion_timestamp(now.wall);
    }
    object.set("/metadata/deletionGracePeriodSeconds", 0);
    if object.text("/kind") == "Namespace" {
        object.set("/status/phase", "Terminating");
        object.remove("/metadata/deletionGracePeriodSeconds");
    }
}

fn bump_generation(object: &mut Object) {
    if object.generation() > 0 {
        object.set("/metadata/generation", object.generation() + 1);
    }
}

/// Foreground deletion and orphaning are finalizers that the garbage collector works off.
fn set_propagation(object: &mut Object, options: &DeleteOptions, orphans_by_default: bool) {
    let wanted = match (options.orphan_dependents, options.propagation_policy.as_deref()) {
        (Some(true), _) | (_, Some("Orphan")) => Some(ORPHAN),
        (_, Some("Foreground")) => Some(FOREGROUND),
        (Some(false), _) | (_, Some("Background")) => None,
        _ if orphans_by_default && !object.finalizers().contains(&FOREGROUND) => Some(ORPHAN),
        _ => return,
    };
    let mut finalizers: Vec<Value> = object
        .finalizers()
        .into_iter()
        .filter(|finalizer| !matches!(*finalizer, ORPHAN | FOREGROUND))
        .map(Value::from)
        .collect();
    finalizers.extend(wanted.map(Value::from));
    let finalizers = Some(Value::from(finalizers)).filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    object.set_or_remove("/metadata/finalizers", finalizers);
}

fn success(resource: &Resource, last: &Object) -> Value {
    let mut details = json!({"name": last.name(), "kind": resource.plural, "uid": last.uid()});
    if !resource.group.is_empty() {
        details["group"] = resource.group.into();
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

#[cfg(test)]
mod tests;

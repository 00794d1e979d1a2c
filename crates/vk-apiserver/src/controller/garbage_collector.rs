//! The garbage collector (`pkg/controller/garbagecollector`): what lost all its owners is deleted, and what lost some of
//! them loses the references; owners that are deleted in the foreground wait for what blocks it; orphaned dependents lose
//! the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::clock::Now;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::request::{DeleteOptions, Preconditions};
use crate::resource::{REGISTRY, Resource};
use crate::storage::{ChangeKind, Key};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

pub(super) fn act(kernel: &mut Kernel, since: u64, now: Now) {
    if !concerns(kernel, since) {
        return;
    }
    for resource in &REGISTRY {
        if resource.group == "events.k8s.io" {
            continue;
        }
        let objects: Vec<Arc<Object>> = kernel.storage.collection(resource.storage).objects(None).cloned().collect();
        for key in objects.iter().map(|object| Key::of(object)) {
            for step in [finish_owner, examine] {
                // The step before may have written it, or removed it.
                if let Some(object) = kernel.storage.get(resource.storage, &key).cloned() {
                    step(kernel, resource, &object, now);
                }
            }
        }
    }
}

/// Only removals, and owners that wait, can make work.
fn concerns(kernel: &Kernel, since: u64) -> bool {
    REGISTRY.iter().any(|resource| {
        let changes = kernel.storage.collection(resource.storage).changes_after(since);
        changes.is_ok_and(|mut changes| {
            changes.any(|change| {
                change.kind == ChangeKind::Deleted
                    || !owners(&change.object).is_empty()
                    || change.object.finalizers().iter().any(|one| matches!(*one, ORPHAN | FOREGROUND))
            })
        })
    })
}

fn owners(object: &Object) -> BTreeSet<&str> {
    object.items("/metadata/ownerReferences").iter().map(uid_of).collect()
}

fn dependents(kernel: &Kernel, owner: &str) -> Vec<(&'static Resource, Arc<Object>)> {
    kernel
        .storage
        .everything()
        .filter(|(_, object)| owners(object).contains(owner))
        .filter_map(|(storage, object)| {
            let resource = REGISTRY.iter().find(|resource| resource.storage == storage)?;
            Some((resource, Arc::clone(object)))
        })
        .collect()
}

fn finish_owner(kernel: &mut Kernel, resource: &'static Resource, owner: &Arc<Object>, now: Now) {
    let finalizers = owner.finalizers();
    let waits_for = finalizers.iter().find(|one| matches!(**one, ORPHAN | FOREGROUND)).copied();
    let Some(finalizer) = waits_for.filter(|_| owner.deletion_timestamp().is_some()) else { return };
    let below = dependents(kernel, owner.uid());
    if finalizer == ORPHAN {
        for (kind, dependent) in below {
            drop_references(kernel, kind, &dependent, |reference| uid_of(reference) == owner.uid(), now);
        }
    } else if below.iter().any(|(_, dependent)| blocks(dependent, owner.uid())) {
        return;
    }
    let mut released = Object::clone(owner);
    let left: Vec<Value> = finalizers.into_iter().filter(|one| *one != finalizer).map(Value::from).collect();
    let nothing_left = left.is_empty();
    released.set_or_remove("/metadata/finalizers", (!nothing_left).then(|| left.into()));
    let waits = released.deletion_grace().unwrap_or_default() > 0;
    if nothing_left && !waits {
        kernel.remove(resource.storage, &Key::of(owner), now);
    } else {
        kernel.put(resource.storage, released, now);
    }
}

fn blocks(dependent: &Object, owner: &str) -> bool {
    let blocking = |reference: &&Value| reference.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true);
    dependent.items("/metadata/ownerReferences").iter().filter(blocking).any(|reference| uid_of(reference) == owner)
}

/// What has become of an owner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is there, or of a kind that is not served here and cannot be looked up.
    Stays,
    /// It is being deleted in the foreground.
    Waits,
    Gone,
}

fn fate(kernel: &Kernel, dependent: &Object, reference: &Value) -> Fate {
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = crate::resource::find_kind(text("apiVersion"), text("kind")) else { return Fate::Stays };
    let namespace = if kind.namespaced { dependent.namespace() } else { "" };
    match kernel.storage.find(kind.storage, namespace, text("name")) {
        Some(owner) if owner.uid() != text("uid") => Fate::Gone,
        Some(owner) if owner.deletion_timestamp().is_some() && owner.finalizers().contains(&FOREGROUND) => Fate::Waits,
        Some(_) => Fate::Stays,
        None => Fate::Gone,
    }
}

/// Deletes what has no owner left that stays; takes off the references to others if one does.
fn examine(kernel: &mut Kernel, resource: &'static Resource, object: &Arc<Object>, now: Now) {
    if object.deletion_timestamp().is_some() {
        return;
    }
    let references = object.items("/metadata/ownerReferences");
    let fates: BTreeMap<&str, Fate> =
        references.iter().map(|reference| (uid_of(reference), fate(kernel, object, reference))).collect();
    let some = |wanted: Fate| fates.values().any(|fate| *fate == wanted);
    if some(Fate::Stays) {
        if some(Fate::Waits) || some(Fate::Gone) {
            let lost = |reference: &Value| fates.get(uid_of(reference)) != Some(&Fate::Stays);
            drop_references(kernel, resource, object, lost, now);
        }
    } else if some(Fate::Waits) && !dependents(kernel, object.uid()).is_empty() {
        delete(kernel, resource, object, "Foreground", now);
    } else if !fates.is_empty() {
        delete(kernel, resource, object, inherited_policy(object), now);
    }
}

/// What the object's own finalizers ask for.
fn inherited_policy(object: &Object) -> &'static str {
    let finalizers = object.finalizers();
    match (finalizers.contains(&ORPHAN), finalizers.contains(&FOREGROUND)) {
        (true, _) => "Orphan",
        (_, true) => "Foreground",
        _ => "Background",
    }
}

fn drop_references(kernel: &mut Kernel, resource: &Resource, object: &Object, lost: impl Fn(&Value) -> bool, now: Now) {
    let mut freed = object.clone();
    let mut references = freed.items("/metadata/ownerReferences").to_vec();
    references.retain(|reference| !lost(reference));
    freed.set_or_remove("/metadata/ownerReferences", (!references.is_empty()).then(|| references.into()));
    kernel.put(resource.storage, freed, now);
}

fn uid_of(reference: &Value) -> &str {
    reference.get("uid").and_then(Value::as_str).unwrap_or_default()
}

fn delete(kernel: &mut Kernel, resource: &'static Resource, object: &Arc<Object>, policy: &str, now: Now) {
    let options = DeleteOptions {
        preconditions: Some(Preconditions { uid: Some(object.uid().to_owned()), resource_version: None }),
        propagation_policy: Some(policy.to_owned()),
        ..DeleteOptions::default()
    };
    if let Some(current) = kernel.storage.find(resource.storage, object.namespace(), object.name()).cloned()
        && let Err(error) = kernel.delete_object(resource, &current, &options, now)
    {
        tracing::debug!(%error, name = object.name(), "not collected");
    }
}

//! The garbage collector: what lost all its owners is deleted; owners that are deleted in the foreground wait for
//! what they block on; orphaned dependents lose the reference.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::clock::Now;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::request::{DeleteOptions, Preconditions};
use crate::resource::{REGISTRY, Resource};
use crate::storage::ChangeKind;

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
        for object in objects {
            finish_owner(kernel, resource, &object, now);
            delete_if_orphaned(kernel, resource, &object, now);
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
    object
        .items("/metadata/ownerReferences")
        .iter()
        .filter_map(|owner| owner.get("uid").and_then(Value::as_str))
        .collect()
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
    if finalizer == FOREGROUND && !below.is_empty() {
        for (kind, dependent) in below.iter().filter(|(_, dependent)| dependent.deletion_timestamp().is_none()) {
            delete(kernel, kind, dependent, Some("Foreground"), now);
        }
        return;
    }
    for (kind, dependent) in below {
        let mut freed = Object::clone(&dependent);
        let mut references = freed.items("/metadata/ownerReferences").to_vec();
        references.retain(|reference| reference.get("uid").and_then(Value::as_str) != Some(owner.uid()));
        let references =
            Some(Value::from(references)).filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
        freed.set_or_remove("/metadata/ownerReferences", references);
        kernel.put(kind.storage, freed, now);
    }
    let mut released = Object::clone(owner);
    let left: Vec<Value> = finalizers.into_iter().filter(|one| *one != finalizer).map(Value::from).collect();
    let nothing_left = left.is_empty();
    released.set_or_remove("/metadata/finalizers", (!nothing_left).then(|| left.into()));
    let waits = released.deletion_grace().unwrap_or_default() > 0;
    if nothing_left && !waits {
        kernel.remove(resource.storage, &crate::storage::Key::of(owner), now);
    } else {
        kernel.put(resource.storage, released, now);
    }
}

fn delete_if_orphaned(kernel: &mut Kernel, resource: &'static Resource, object: &Arc<Object>, now: Now) {
    let owners = owners(object);
    if owners.is_empty() || object.deletion_timestamp().is_some() {
        return;
    }
    // Owners of kinds that are not served here cannot be looked up: they count as alive.
    let known = |owner: &Value| {
        let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        let kind = crate::resource::find_kind(text("apiVersion"), text("kind"))?;
        let namespace = if kind.namespaced { object.namespace() } else { "" };
        let alive =
            kernel.storage.find(kind.storage, namespace, text("name")).is_some_and(|own| own.uid() == text("uid"));
        Some(alive)
    };
    let all_gone = object.items("/metadata/ownerReferences").iter().all(|owner| known(owner) == Some(false));
    if all_gone {
        delete(kernel, resource, object, Some("Background"), now);
    }
}

fn delete(kernel: &mut Kernel, resource: &'static Resource, object: &Arc<Object>, policy: Option<&str>, now: Now) {
    let options = DeleteOptions {
        preconditions: Some(Preconditions { uid: Some(object.uid().to_owned()), resource_version: None }),
        propagation_policy: policy.map(ToOwned::to_owned),
        ..DeleteOptions::default()
    };
    if let Some(current) = kernel.storage.find(resource.storage, object.namespace(), object.name()).cloned()
        && let Err(error) = kernel.delete_object(resource, &current, &options, now)
    {
        tracing::debug!(%error, name = object.name(), "not collected");
    }
}

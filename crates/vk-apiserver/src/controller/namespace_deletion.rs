//! Empties namespaces that are being deleted, and removes them when nothing is left. Pods go first, and the rest when they
//! are gone (KEP-5080): a pod that still runs keeps its NetworkPolicies, ConfigMaps and accounts.

use std::sync::Arc;

use crate::clock::Now;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::request::DeleteOptions;
use crate::resource::{REGISTRY, Resource};
use crate::storage::Key;

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let ending: Vec<Arc<Object>> = kernel
        .storage
        .collection("namespaces")
        .objects(None)
        .filter(|namespace| namespace.deletion_timestamp().is_some())
        .cloned()
        .collect();
    for namespace in ending {
        let left = empty(kernel, namespace.name(), now);
        let held = namespace.finalizers().len();
        if left == 0 && held == 0 {
            kernel.remove("namespaces", &Key::of(&namespace), now);
        }
    }
}

/// Deletes what is in the namespace and may go; gives back how much is still there.
fn empty(kernel: &mut Kernel, namespace: &str, now: Now) -> usize {
    let namespaced = REGISTRY.iter().filter(|resource| resource.namespaced && resource.group != "events.k8s.io");
    let (pods, others): (Vec<_>, Vec<_>) = namespaced.partition(|resource| resource.storage == "pods");
    match delete_all(kernel, &pods, namespace, now) {
        0 => delete_all(kernel, &others, namespace, now),
        left => left,
    }
}

/// Deletes what is not yet being deleted; gives back how much is still there.
fn delete_all(kernel: &mut Kernel, resources: &[&'static Resource], namespace: &str, now: Now) -> usize {
    let mut left = 0;
    for resource in resources {
        let objects: Vec<Arc<Object>> =
            kernel.storage.collection(resource.storage).objects(Some(namespace)).cloned().collect();
        for object in objects.iter().filter(|object| object.deletion_timestamp().is_none()) {
            if let Err(error) = kernel.delete_object(resource, object, &DeleteOptions::default(), now) {
                tracing::warn!(%error, namespace, name = object.name(), "cannot empty the namespace");
            }
        }
        left += kernel.storage.collection(resource.storage).objects(Some(namespace)).count();
    }
    left
}

//! Volume protection: a claim that is being deleted goes when no pod that has a node names it, ended or not; a volume
//! when it has no claim.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Now;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::storage::Key;

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    for (storage, finalizer) in [
        ("persistentvolumeclaims", "kubernetes.io/pvc-protection"),
        ("persistentvolumes", "kubernetes.io/pv-protection"),
    ] {
        let ending: Vec<Arc<Object>> = kernel
            .storage
            .collection(storage)
            .objects(None)
            .filter(|object| object.deletion_timestamp().is_some() && object.finalizers().contains(&finalizer))
            .filter(|object| !in_use(kernel, storage, object))
            .cloned()
            .collect();
        for object in ending {
            release(kernel, storage, &object, finalizer, now);
        }
    }
}

fn in_use(kernel: &Kernel, storage: &str, object: &Object) -> bool {
    if storage == "persistentvolumes" {
        return object.text("/status/phase") == "Bound";
    }
    kernel
        .storage
        .collection("pods")
        .objects(Some(object.namespace()))
        .filter(|pod| !pod.text("/spec/nodeName").is_empty())
        .flat_map(|pod| pod.items("/spec/volumes"))
        .any(|volume| volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str) == Some(object.name()))
}

fn release(kernel: &mut Kernel, storage: &'static str, object: &Arc<Object>, finalizer: &str, now: Now) {
    let left: Vec<Value> = object.finalizers().into_iter().filter(|own| *own != finalizer).map(Value::from).collect();
    if left.is_empty() {
        kernel.remove(storage, &Key::of(object), now);
    } else {
        let mut released = Object::clone(object);
        released.set("/metadata/finalizers", left);
        kernel.put(storage, released, now);
    }
}

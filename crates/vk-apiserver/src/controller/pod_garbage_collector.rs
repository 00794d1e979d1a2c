//! Pod garbage collection: pods of nodes that are gone are failed and deleted after a quarantine.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::clock::Now;
use crate::kernel::{Kernel, disrupt};
use crate::object::Object;
use crate::request::DeleteOptions;
use crate::resource;
use crate::storage::ChangeKind;

/// How long a node may be gone before its pods are.
const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let Some(pods) = resource::find("", "pods") else { return };
    let orphans: Vec<Arc<Object>> = kernel
        .storage
        .collection("pods")
        .objects(None)
        .filter(|pod| lost_its_node(kernel, pod, now))
        .cloned()
        .collect();
    for pod in orphans {
        let mut failed = Object::clone(&pod);
        if !matches!(pod.text("/status/phase"), "Failed" | "Succeeded") {
            failed.set("/status/phase", "Failed");
            disrupt(&mut failed, "DeletionByPodGC", "PodGC: node no longer exists", now);
        }
        let failed = if failed == *pod { pod } else { kernel.put("pods", failed, now) };
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        if let Err(error) = kernel.delete_object(pods, &failed, &options, now) {
            tracing::warn!(%error, pod = failed.name(), "not collected");
        }
    }
}

fn lost_its_node(kernel: &Kernel, pod: &Object, now: Now) -> bool {
    let node = pod.text("/spec/nodeName");
    if node.is_empty() || kernel.storage.find("nodes", "", node).is_some() {
        return false;
    }
    let removed = kernel
        .storage
        .collection("nodes")
        .remembered()
        .filter(|change| change.kind == ChangeKind::Deleted && change.object.name() == node)
        .last()
        .map(|change| change.at);
    removed.is_none_or(|removed| now.wall.duration_since(removed) >= QUARANTINE)
}

//! The pods of a Job.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::conditions::is_finished;
use crate::clock::{Now, parse_rfc3339};
use crate::kernel::Kernel;
use crate::object::Object;
use crate::request::DeleteOptions;
use crate::resource;
use crate::storage::Key;

/// What a pod holds until its Job has counted it.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// After the first failure; each further one doubles it.
const BACKOFF: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(10);

/// A pod that a Job controls.
#[derive(Clone, Debug)]
pub(super) struct OwnPod {
    pub(super) object: Arc<Object>,
    /// Whether a pod that is being deleted has failed already, or only once it ended.
    deleted_is_failed: bool,
}

impl OwnPod {
    /// In the order in which they were made.
    pub(super) fn all_of(kernel: &Kernel, job: &Object) -> Vec<Self> {
        let deleted_is_failed = job.text("/spec/podReplacementPolicy") != "Failed";
        let mut pods: Vec<Self> = kernel
            .storage
            .collection("pods")
            .objects(Some(job.namespace()))
            .filter(|pod| controller_of(pod).is_some_and(|owner| text(owner, "uid") == job.uid()))
            .map(|pod| Self { object: Arc::clone(pod), deleted_is_failed })
            .collect();
        pods.sort_by_key(|pod| pod.object.text("/metadata/creationTimestamp").to_owned());
        pods
    }

    pub(super) fn uid(&self) -> &str {
        self.object.uid()
    }

    pub(super) fn is_tracked(&self) -> bool {
        self.object.finalizers().contains(&TRACKING)
    }

    pub(super) fn has_succeeded(&self) -> bool {
        self.object.text("/status/phase") == "Succeeded"
    }

    pub(super) fn has_failed(&self) -> bool {
        let phase = self.object.text("/status/phase");
        phase == "Failed" || (self.deleted_is_failed && self.is_deleting() && phase != "Succeeded")
    }

    pub(super) fn is_active(&self) -> bool {
        !self.has_ended() && !self.is_deleting()
    }

    pub(super) fn is_terminating(&self) -> bool {
        !self.has_ended() && self.is_deleting()
    }

    pub(super) fn is_ready(&self) -> bool {
        let conditions = self.object.items("/status/conditions");
        conditions.iter().any(|condition| text(condition, "type") == "Ready" && text(condition, "status") == "True")
    }

    /// Restarts of its containers while it runs.
    pub(super) fn restarts(&self) -> i64 {
        if !matches!(self.object.text("/status/phase"), "Running" | "Pending") {
            return 0;
        }
        let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
        let statuses = lists.iter().flat_map(|list| self.object.items(list));
        statuses.filter_map(|status| status.get("restartCount").and_then(Value::as_i64)).sum()
    }

    fn has_ended(&self) -> bool {
        matches!(self.object.text("/status/phase"), "Succeeded" | "Failed")
    }

    fn is_deleting(&self) -> bool {
        self.object.deletion_timestamp().is_some()
    }

    fn ended_at(&self) -> Option<Timestamp> {
        let statuses = self.object.items("/status/containerStatuses").iter();
        let times = statuses.filter_map(|status| status.pointer("/state/terminated/finishedAt")?.as_str());
        times
            .filter_map(parse_rfc3339)
            .max()
            .or_else(|| self.object.deletion_timestamp())
            .or_else(|| parse_rfc3339(self.object.text("/metadata/creationTimestamp")))
    }
}

/// Whether the time after the latest failures has passed: ten seconds after one, and twice as much after each further
/// one that no success has followed.
pub(super) fn may_start(pods: &[OwnPod], now: Now) -> bool {
    let last_success = pods.iter().filter(|pod| pod.has_succeeded()).filter_map(OwnPod::ended_at).max();
    let failures: Vec<Timestamp> = pods
        .iter()
        .filter(|pod| pod.has_failed())
        .filter_map(OwnPod::ended_at)
        .filter(|ended| last_success.is_none_or(|success| *ended > success))
        .collect();
    let Some(latest) = failures.iter().max() else { return true };
    let doubled = u32::try_from(failures.len()).unwrap_or(u32::MAX).saturating_sub(1).min(10);
    let backoff = (BACKOFF * 2_i32.pow(doubled)).min(LONGEST_BACKOFF);
    now.wall.duration_since(*latest) >= backoff
}

/// Pods that still hold the finalizer although nobody will count them.
pub(super) fn orphans(kernel: &Kernel) -> Vec<Arc<Object>> {
    let pods = kernel.storage.collection("pods").objects(None);
    pods.filter(|pod| pod.finalizers().contains(&TRACKING))
        .filter(|pod| {
            let job = controller_of(pod)
                .filter(|owner| text(owner, "kind") == "Job")
                .and_then(|owner| Some((kernel.storage.find("jobs", pod.namespace(), text(owner, "name"))?, owner)))
                .filter(|(job, owner)| job.uid() == text(owner, "uid"));
            job.is_none_or(|(job, _)| is_finished(job))
        })
        .cloned()
        .collect()
}

/// Takes the finalizer off.
pub(super) fn release(kernel: &mut Kernel, pod: &Arc<Object>, now: Now) {
    let left: Vec<Value> = pod.finalizers().into_iter().filter(|own| *own != TRACKING).map(Value::from).collect();
    let ends = left.is_empty() && pod.deletion_timestamp().is_some() && pod.deletion_grace().unwrap_or_default() == 0;
    let mut released = Object::clone(pod);
    released.set_or_remove("/metadata/finalizers", (!left.is_empty()).then(|| left.into()));
    if ends {
        kernel.remove("pods", &Key::of(pod), now);
    } else {
        kernel.put("pods", released, now);
    }
}

/// Deletes pods with their own grace.
pub(super) fn delete_pods(kernel: &mut Kernel, pods: &[&OwnPod], now: Now) {
    let Some(resource) = resource::find("", "pods") else { return };
    for pod in pods {
        let current = kernel.storage.find("pods", pod.object.namespace(), pod.object.name()).cloned();
        if let Some(current) = current.filter(|current| current.uid() == pod.uid())
            && let Err(error) = kernel.delete_object(resource, &current, &DeleteOptions::default(), now)
        {
            tracing::warn!(%error, pod = current.name(), "not deleted");
        }
    }
}

/// Makes this many pods of the Job's template.
pub(super) fn make_pods(kernel: &mut Kernel, job: &Object, count: usize, now: Now) {
    for _ in 0..count {
        if let Err(error) = kernel.create_as_controller("pods", new_pod(job), now) {
            tracing::debug!(%error, job = job.name(), "no pod was made");
            return;
        }
    }
}

fn new_pod(job: &Object) -> Object {
    let mut pod = Object::default();
    pod.set("/metadata/generateName", format!("{}-", job.name()));
    pod.set("/metadata/namespace", job.namespace());
    for field in ["labels", "annotations"] {
        let value = job.at(&format!("/spec/template/metadata/{field}")).cloned();
        pod.set_or_remove(&format!("/metadata/{field}"), value);
    }
    pod.set("/metadata/finalizers", json!([TRACKING]));
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": job.name(), "uid": job.uid(),
        "controller": true, "blockOwnerDeletion": true,
    });
    pod.set("/metadata/ownerReferences", json!([owner]));
    pod.set_or_remove("/spec", job.at("/spec/template/spec").cloned());
    pod
}

fn controller_of(pod: &Object) -> Option<&Value> {
    let owners = pod.items("/metadata/ownerReferences");
    owners.iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

fn text<'value>(value: &'value Value, field: &str) -> &'value str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

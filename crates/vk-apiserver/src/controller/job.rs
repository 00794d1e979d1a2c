//! The Job controller (`pkg/controller/job`), for Jobs whose pods have no index. Each pod holds a finalizer until its
//! end is counted, so that none is forgotten: first the Job's status names the pod, then the finalizer goes, then the
//! pod counts. Each of these is a write of its own, as clients see it.

mod conditions;
mod pods;
mod status;

use std::sync::Arc;

use crate::clock::Now;
use crate::kernel::Kernel;
use crate::object::Object;
use conditions::{is_finished, verdict};
use pods::{OwnPod, delete_pods, make_pods, orphans, release};
use status::Tally;

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let jobs: Vec<Arc<Object>> = kernel.storage.collection("jobs").objects(None).cloned().collect();
    for job in jobs.iter().filter(|job| is_ours(job)) {
        sync(kernel, job, now);
    }
    for pod in orphans(kernel) {
        release(kernel, &pod, now);
    }
}

/// Jobs that are over, or that somebody else takes care of, are left alone; Indexed ones are not understood here.
fn is_ours(job: &Object) -> bool {
    job.text("/spec/managedBy").is_empty() && job.text("/spec/completionMode") == "NonIndexed" && !is_finished(job)
}

fn sync(kernel: &mut Kernel, job: &Object, now: Now) {
    let pods = OwnPod::all_of(kernel, job);
    let mut tally = Tally::read(job);
    tally.count_released(&pods);
    tally.note_ended(&pods);
    let verdict = verdict(job, &tally, &pods, now);
    let suspended = job.flag("/spec/suspend");
    let active: Vec<&OwnPod> = pods.iter().filter(|pod| pod.is_active()).collect();
    let mut surplus = Vec::new();
    let mut missing = 0;
    if verdict.is_some() || suspended {
        surplus.clone_from(&active);
    } else if job.deletion_timestamp().is_none() {
        let wanted = tally.wanted(job, active.len());
        surplus = active.iter().rev().take(active.len().saturating_sub(wanted)).copied().collect();
        let replaceable_only = job.text("/spec/podReplacementPolicy") == "Failed";
        let occupied = active.len() + if replaceable_only { terminating(&pods) } else { 0 };
        missing = if pods::may_start(&pods, now) { wanted.saturating_sub(occupied) } else { 0 };
    }
    let written = tally.written(job, &pods, verdict.as_ref(), now);
    if written != *job {
        kernel.put("jobs", written, now);
    }
    for pod in pods.iter().filter(|pod| pod.is_tracked() && (tally.names(pod) || job.deletion_timestamp().is_some())) {
        release(kernel, &pod.object, now);
    }
    delete_pods(kernel, &surplus, now);
    make_pods(kernel, job, missing, now);
}

fn terminating(pods: &[OwnPod]) -> usize {
    pods.iter().filter(|pod| pod.is_terminating()).count()
}

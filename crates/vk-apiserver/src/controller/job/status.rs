//! How many of a Job's pods ended, and how.

use serde_json::{Value, json};

use super::conditions::{Verdict, conditions_with};
use super::pods::OwnPod;
use crate::clock::{Now, rfc3339_seconds};
use crate::object::Object;

/// The counters of a Job's status.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    succeeded: Counter,
    failed: Counter,
}

/// Pods that ended one way.
#[derive(Clone, Debug, Default)]
struct Counter {
    /// Those that count already.
    counted: i64,
    /// UIDs of those that hold the finalizer still, or did when the Job was last written.
    uncounted: Vec<String>,
}

impl Counter {
    fn read(job: &Object, field: &str) -> Self {
        let uncounted = job.items(&format!("/status/uncountedTerminatedPods/{field}"));
        Self {
            counted: job.integer(&format!("/status/{field}")).unwrap_or_default(),
            uncounted: uncounted.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        }
    }

    fn count_released(&mut self, tracked: &[&str]) {
        let before = self.uncounted.len();
        self.uncounted.retain(|uid| tracked.contains(&uid.as_str()));
        self.counted += i64::try_from(before - self.uncounted.len()).unwrap_or_default();
    }

    fn total(&self) -> i64 {
        self.counted + i64::try_from(self.uncounted.len()).unwrap_or_default()
    }
}

impl Tally {
    pub(super) fn read(job: &Object) -> Self {
        Self { succeeded: Counter::read(job, "succeeded"), failed: Counter::read(job, "failed") }
    }

    /// What has lost its finalizer, or is gone, counts.
    pub(super) fn count_released(&mut self, pods: &[OwnPod]) {
        let tracked: Vec<&str> = pods.iter().filter(|pod| pod.is_tracked()).map(OwnPod::uid).collect();
        self.succeeded.count_released(&tracked);
        self.failed.count_released(&tracked);
    }

    /// What has ended and holds its finalizer is named.
    pub(super) fn note_ended(&mut self, pods: &[OwnPod]) {
        for pod in pods.iter().filter(|pod| pod.is_tracked()) {
            if self.names(pod) {
                continue;
            }
            if pod.has_succeeded() {
                self.succeeded.uncounted.push(pod.uid().to_owned());
            } else if pod.has_failed() {
                self.failed.uncounted.push(pod.uid().to_owned());
            }
        }
    }

    /// Whether the status names this pod as ended and not yet counted.
    pub(super) fn names(&self, pod: &OwnPod) -> bool {
        [&self.succeeded, &self.failed].iter().any(|counter| counter.uncounted.iter().any(|uid| uid == pod.uid()))
    }

    pub(super) fn succeeded(&self) -> i64 {
        self.succeeded.total()
    }

    pub(super) fn failed(&self) -> i64 {
        self.failed.total()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.succeeded.uncounted.is_empty() && self.failed.uncounted.is_empty()
    }

    /// How many pods should be active.
    pub(super) fn wanted(&self, job: &Object, active: usize) -> usize {
        let at_once = usize::try_from(job.integer("/spec/parallelism").unwrap_or(1)).unwrap_or_default();
        match job.integer("/spec/completions") {
            // A queue of work: after the first success nobody new is sent.
            None if self.succeeded() > 0 => active,
            None => at_once,
            Some(completions) => usize::try_from(completions - self.succeeded()).unwrap_or_default().min(at_once),
        }
    }

    /// The Job with its status up to date.
    pub(super) fn written(&self, job: &Object, pods: &[OwnPod], verdict: Option<&Verdict>, now: Now) -> Object {
        let mut job = job.clone();
        let suspended = job.flag("/spec/suspend");
        if suspended {
            job.remove("/status/startTime");
        } else {
            job.set_default("/status/startTime", rfc3339_seconds(now.wall));
        }
        let count = |such: fn(&OwnPod) -> bool| pods.iter().filter(|pod| such(pod)).count();
        let active = count(OwnPod::is_active);
        job.set("/status/ready", count(|pod| pod.is_active() && pod.is_ready()));
        job.set("/status/terminating", count(OwnPod::is_terminating));
        // Go leaves out zeros of these.
        job.set_or_remove("/status/active", (active > 0).then(|| active.into()));
        for (field, counter) in [("succeeded", &self.succeeded), ("failed", &self.failed)] {
            job.set_or_remove(&format!("/status/{field}"), (counter.counted > 0).then(|| counter.counted.into()));
            let uncounted = (!counter.uncounted.is_empty()).then(|| counter.uncounted.clone().into());
            job.set_default("/status/uncountedTerminatedPods", json!({}));
            job.set_or_remove(&format!("/status/uncountedTerminatedPods/{field}"), uncounted);
        }
        let over = self.is_settled() && pods.iter().all(|pod| !pod.is_active() && !pod.is_terminating());
        if let Some(conditions) = conditions_with(&job, verdict, over, now) {
            job.set("/status/conditions", conditions);
        }
        if over && verdict == Some(&Verdict::Complete) {
            job.set_default("/status/completionTime", rfc3339_seconds(now.wall));
        }
        job
    }
}

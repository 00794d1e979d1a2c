//! When a Job is over, and how it says so.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pods::OwnPod;
use super::status::Tally;
use crate::clock::{Now, parse_rfc3339, rfc3339_seconds};
use crate::object::Object;

/// How a Job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Enough pods succeeded.
    Complete,
    /// It failed: the reason and the sentence.
    Failed(String, String),
}

impl Verdict {
    /// The condition that says how it will end while pods are still there.
    fn announced(&self) -> &'static str {
        match self {
            Self::Complete => "SuccessCriteriaMet",
            Self::Failed(..) => "FailureTarget",
        }
    }

    /// The condition that says that it is over.
    fn final_condition(&self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Failed(..) => "Failed",
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Complete => "CompletionsReached",
            Self::Failed(reason, _) => reason,
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::Complete => "Reached expected number of succeeded pods",
            Self::Failed(_, message) => message,
        }
    }
}

/// Whether the Job has said that it is over.
pub(super) fn is_finished(job: &Object) -> bool {
    holds(job, "Complete").or_else(|| holds(job, "Failed")).is_some()
}

/// How the Job ends, if that is certain. What was once announced stays.
pub(super) fn verdict(job: &Object, tally: &Tally, pods: &[OwnPod], now: Now) -> Option<Verdict> {
    if holds(job, "SuccessCriteriaMet").is_some() {
        return Some(Verdict::Complete);
    }
    if let Some(target) = holds(job, "FailureTarget") {
        let text = |field: &str| target.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Some(Verdict::Failed(text("reason"), text("message")));
    }
    let failed = |reason: &str, message: &str| Some(Verdict::Failed(reason.into(), message.into()));
    let limit = job.integer("/spec/backoffLimit").unwrap_or(6);
    if tally.failed() > limit || restarted_too_often(job, pods, limit) {
        return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    if past_deadline(job, now) {
        return failed("DeadlineExceeded", "Job was active longer than specified deadline");
    }
    let active = pods.iter().any(OwnPod::is_active);
    let enough = match job.integer("/spec/completions") {
        Some(completions) => tally.succeeded() >= completions,
        None => tally.succeeded() > 0 && !active,
    };
    enough.then_some(Verdict::Complete)
}

fn restarted_too_often(job: &Object, pods: &[OwnPod], limit: i64) -> bool {
    if job.text("/spec/template/spec/restartPolicy") != "OnFailure" {
        return false;
    }
    let restarts: i64 = pods.iter().map(OwnPod::restarts).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn past_deadline(job: &Object, now: Now) -> bool {
    let started = parse_rfc3339(job.text("/status/startTime"));
    let (Some(seconds), Some(started)) = (job.integer("/spec/activeDeadlineSeconds"), started) else { return false };
    !job.flag("/spec/suspend") && now.wall.duration_since(started) >= SignedDuration::from_secs(seconds)
}

/// The Job's conditions with what is new; `None` if nothing is.
pub(super) fn conditions_with(job: &Object, verdict: Option<&Verdict>, over: bool, now: Now) -> Option<Vec<Value>> {
    let mut conditions = job.items("/status/conditions").to_vec();
    let before = conditions.clone();
    if let Some(verdict) = verdict {
        set(&mut conditions, verdict.announced(), "True", verdict.reason(), verdict.message(), now);
        if over {
            set(&mut conditions, verdict.final_condition(), "True", verdict.reason(), verdict.message(), now);
        }
    } else if job.flag("/spec/suspend") {
        set(&mut conditions, "Suspended", "True", "JobSuspended", "Job suspended", now);
    } else if holds(job, "Suspended").is_some() {
        set(&mut conditions, "Suspended", "False", "JobResumed", "Job resumed", now);
    }
    (conditions != before).then_some(conditions)
}

fn set(conditions: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str, now: Now) {
    let own = |condition: &Value| condition.get("type").and_then(Value::as_str) == Some(kind);
    let same = |condition: &Value| condition.get("status").and_then(Value::as_str) == Some(status);
    if conditions.iter().any(|condition| own(condition) && same(condition)) {
        return;
    }
    conditions.retain(|condition| !own(condition));
    let time = rfc3339_seconds(now.wall);
    conditions.push(json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastProbeTime": time, "lastTransitionTime": time,
    }));
}

fn holds<'job>(job: &'job Object, kind: &str) -> Option<&'job Value> {
    job.items("/status/conditions").iter().find(|condition| {
        let text = |field: &str| condition.get(field).and_then(Value::as_str);
        text("type") == Some(kind) && text("status") == Some("True")
    })
}

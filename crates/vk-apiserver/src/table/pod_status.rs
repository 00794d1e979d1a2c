//! What a pod is doing, in one word, as kubectl shows it.

use jiff::Timestamp;
use serde_json::Value;

use super::{condition_holds, text};
use crate::clock::parse_rfc3339;
use crate::object::Object;

/// A pod's containers, summed up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) ready: usize,
    pub(super) containers: usize,
    pub(super) status: String,
    pub(super) restarts: i64,
    pub(super) last_restart: Option<Timestamp>,
}

/// Restarts of some containers.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, container: &Value) {
        self.count += container.get("restartCount").and_then(Value::as_i64).unwrap_or_default();
        self.last = self.last.max(parse_rfc3339(text(container, "/lastState/terminated/finishedAt")));
    }
}

impl Summary {
    pub(super) fn of(pod: &Object) -> Self {
        let sidecars = pod.items("/spec/initContainers").iter().filter(|container| is_sidecar(container)).count();
        let init = Initialization::of(pod);
        let mut summary = Self {
            ready: init.ready_sidecars,
            containers: pod.items("/spec/containers").len() + sidecars,
            status: init.blocked_by.clone().unwrap_or_else(|| unrefined(pod).to_owned()),
            restarts: init.all.count,
            last_restart: init.all.last,
        };
        if init.blocked_by.is_none() || condition_holds(pod, "Initialized") {
            summary.add_containers(pod, init.sidecars);
        }
        if pod.deletion_timestamp().is_some() {
            if pod.text("/status/reason") == "NodeLost" {
                summary.status = "Unknown".into();
            } else if !matches!(pod.text("/status/phase"), "Succeeded" | "Failed") {
                summary.status = "Terminating".into();
            }
        }
        summary
    }

    /// The containers proper. The first that has something to say is heard.
    fn add_containers(&mut self, pod: &Object, mut restarts: Restarts) {
        let mut any_runs = false;
        let mut failure = None;
        for container in pod.items("/status/containerStatuses").iter().rev() {
            restarts.add(container);
            let waits_for = text(container, "/state/waiting/reason");
            if !waits_for.is_empty() {
                self.status = waits_for.to_owned();
            } else if let Some(end) = terminated(container) {
                self.status = reason_of_end(end);
                if exit_code(end) != 0 {
                    failure = Some(self.status.clone());
                }
            } else if is(container, "ready") && state(container, "running").is_some() {
                any_runs = true;
                self.ready += 1;
            }
        }
        // One container that is done does not mean that the pod is.
        if self.status == "Completed" {
            if any_runs && has_ready_condition(pod) {
                self.status = "Running".into();
            } else if let Some(failure) = failure {
                self.status = failure;
            } else if any_runs {
                self.status = "NotReady".into();
            }
        }
        (self.restarts, self.last_restart) = (restarts.count, restarts.last);
    }
}

/// How far the init containers are.
struct Initialization {
    ready_sidecars: usize,
    /// Restarts up to the container at which initialization stands.
    all: Restarts,
    sidecars: Restarts,
    /// The pod's status while one of them is not done.
    blocked_by: Option<String>,
}

impl Initialization {
    fn of(pod: &Object) -> Self {
        let specs = pod.items("/spec/initContainers");
        let (all, sidecars) = (Restarts::default(), Restarts::default());
        let mut found = Self { ready_sidecars: 0, all, sidecars, blocked_by: None };
        for (index, container) in pod.items("/status/initContainerStatuses").iter().enumerate() {
            let is_sidecar =
                specs.iter().any(|spec| text(spec, "/name") == text(container, "/name") && is_sidecar(spec));
            found.all.add(container);
            if is_sidecar {
                found.sidecars.add(container);
            }
            let end = terminated(container);
            if end.is_some_and(|end| exit_code(end) == 0) {
                continue;
            }
            if is_sidecar && is(container, "started") {
                found.ready_sidecars += usize::from(is(container, "ready"));
                continue;
            }
            let waits_for = text(container, "/state/waiting/reason");
            let blocked_by = match end {
                Some(end) => format!("Init:{}", reason_of_end(end)),
                None if !matches!(waits_for, "" | "PodInitializing") => format!("Init:{waits_for}"),
                None => format!("Init:{index}/{}", specs.len()),
            };
            found.blocked_by = Some(blocked_by);
            break;
        }
        found
    }
}

/// The status as the pod itself tells it.
fn unrefined(pod: &Object) -> &str {
    let gated = pod
        .items("/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == "PodScheduled" && text(condition, "/reason") == "SchedulingGated");
    match pod.text("/status/reason") {
        _ if gated => "SchedulingGated",
        "" => pod.text("/status/phase"),
        reason => reason,
    }
}

fn is_sidecar(spec: &Value) -> bool {
    text(spec, "/restartPolicy") == "Always"
}

fn state<'status>(container: &'status Value, name: &str) -> Option<&'status Value> {
    container.get("state")?.get(name).filter(|state| !state.is_null())
}

fn terminated(container: &Value) -> Option<&Value> {
    state(container, "terminated")
}

fn exit_code(end: &Value) -> i64 {
    end.get("exitCode").and_then(Value::as_i64).unwrap_or_default()
}

fn reason_of_end(end: &Value) -> String {
    match (text(end, "/reason"), end.get("signal").and_then(Value::as_i64).unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{}", exit_code(end)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn is(container: &Value, field: &str) -> bool {
    container.get(field).and_then(Value::as_bool).unwrap_or_default()
}

/// Whether any condition says so, unlike [`condition_holds`].
fn has_ready_condition(pod: &Object) -> bool {
    let mut conditions = pod.items("/status/conditions").iter();
    conditions.any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True")
}

#[cfg(test)]
mod tests;

//! What the API server's history says of each pod.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use virtual_kubelet::core::PodUid;
use vk_apiserver::{ChangeKind, Kernel, Object};

use super::violation::{Rule, Violation};

/// Reads the history while it is made. Times are those of the back end's clock.
pub(super) struct Facts {
    /// When that clock began.
    epoch: Timestamp,
    /// The newest revision that was read.
    revision: u64,
    pub(super) pods: BTreeMap<PodUid, PodHistory>,
    pub(super) problems: Vec<Violation>,
}

pub(super) struct PodHistory {
    /// Its newest version, or the last one.
    pub(super) newest: Arc<Object>,
    /// When it was created.
    pub(super) created: Duration,
    /// When its end was first asked for.
    pub(super) deletion: Option<Duration>,
    /// When its object was removed.
    pub(super) gone: Option<Duration>,
    /// When its phase became terminal.
    pub(super) terminal: Option<Duration>,
    /// Somebody else wrote that phase.
    pub(super) ended_from_outside: bool,
    /// When its status first showed that something has run of it.
    pub(super) shown_started: Option<Duration>,
    /// When its handle was first written.
    pub(super) handle: Option<Duration>,
    /// What others have written: from which revision on, where, what.
    others: Vec<(u64, Field, String)>,
    restarts: BTreeMap<String, i64>,
}

/// Something that others own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Label(String),
    Annotation(String),
    Condition(String),
}

impl Field {
    fn read(&self, pod: &Object) -> String {
        match self {
            Self::Label(key) => pod.labels().get(key.as_str()).copied().unwrap_or_default().to_owned(),
            Self::Annotation(key) => pod.annotation(key).unwrap_or_default().to_owned(),
            Self::Condition(kind) => condition(pod, kind).to_owned(),
        }
    }
}

/// The status of one of a pod's conditions.
pub(super) fn condition<'a>(pod: &'a Object, kind: &str) -> &'a str {
    let of_kind = |entry: &&Value| entry.get("type").and_then(Value::as_str) == Some(kind);
    let found = pod.items("/status/conditions").iter().find(of_kind);
    found.and_then(|entry| entry.get("status")?.as_str()).unwrap_or_default()
}

/// Every container status of a pod, init containers first.
pub(super) fn container_statuses(pod: &Object) -> impl Iterator<Item = &Value> {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    lists.into_iter().flat_map(|list| pod.items(list))
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Facts {
    pub(super) fn new(epoch: Timestamp) -> Self {
        Self { epoch, revision: 0, pods: BTreeMap::new(), problems: Vec::new() }
    }

    /// A time of the server's, on the back end's clock.
    pub(super) fn elapsed(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.epoch)).unwrap_or_default()
    }

    /// Somebody wrote this; from that version on it has to stay.
    pub(super) fn expect(&mut self, uid: &PodUid, version: &str, field: Field, value: &str) {
        if let (Some(history), Ok(revision)) = (self.pods.get_mut(uid), version.parse()) {
            history.others.push((revision, field, value.to_owned()));
        }
    }

    /// Somebody but an agent writes a terminal phase.
    pub(super) fn ended_from_outside(&mut self, uid: &PodUid) {
        if let Some(history) = self.pods.get_mut(uid) {
            history.ended_from_outside = history.terminal.is_none();
        }
    }

    /// Reads what has happened since it was last read. The server forgets its history when it is told to, so this has to
    /// be called before.
    pub(super) fn read(&mut self, kernel: &Kernel) {
        let known = std::mem::replace(&mut self.revision, kernel.revision());
        for change in kernel.changes("pods").filter(|change| change.revision > known) {
            let at = self.elapsed(change.at);
            let uid = PodUid::from(change.object.uid());
            let history = self.pods.entry(uid.clone()).or_insert_with(|| PodHistory::new(change.object.clone(), at));
            let problems = history.take(&uid, &change.object, change.revision, at);
            if change.kind == ChangeKind::Deleted {
                history.gone = Some(at);
                history.deletion.get_or_insert(at);
            }
            self.problems.extend(problems);
        }
    }
}

impl PodHistory {
    pub(super) fn new(pod: Arc<Object>, at: Duration) -> Self {
        Self {
            newest: pod,
            created: at,
            deletion: None,
            gone: None,
            terminal: None,
            ended_from_outside: false,
            shown_started: None,
            handle: None,
            others: Vec::new(),
            restarts: BTreeMap::new(),
        }
    }

    /// Whether the API did not show by then what leads back to it, where nothing but a handle does.
    pub(super) fn has_no_handle_at(&self, at: Duration) -> bool {
        self.handle.is_none_or(|written| written > at)
    }

    pub(super) fn phase(&self) -> &str {
        self.newest.text("/status/phase")
    }

    /// Whether its end had been asked for by then, in whatever way the API knows.
    pub(super) fn end_was_wanted_at(&self, at: Duration) -> bool {
        let outside = self.terminal.filter(|_| self.ended_from_outside);
        [self.deletion, self.gone, outside].into_iter().flatten().any(|since| since <= at)
    }

    fn take(&mut self, uid: &PodUid, pod: &Arc<Object>, revision: u64, at: Duration) -> Vec<Violation> {
        let mut problems = Vec::new();
        let (before, after) = (self.phase().to_owned(), pod.text("/status/phase"));
        if goes_back(&before, after) {
            problems.push(Violation::new(
                Rule::NothingGoesBack,
                uid,
                format!("its phase went from {before} to {after}"),
            ));
        }
        for status in container_statuses(pod) {
            let (name, restarts) = (text(status, "/name"), status.get("restartCount").and_then(Value::as_i64));
            let known = self.restarts.entry(name.to_owned()).or_default();
            if let Some(restarts) = restarts.filter(|restarts| *restarts < *known) {
                let what = format!("container {name} had {known} restarts, and then {restarts}");
                problems.push(Violation::new(Rule::NothingGoesBack, uid, what));
            }
            *known = (*known).max(restarts.unwrap_or_default());
        }
        for (_, field, value) in newest_of(&self.others, revision) {
            let now = field.read(pod);
            if now != *value {
                let what = format!("{field:?} was {value:?}, and is {now:?} in version {revision}");
                problems.push(Violation::new(Rule::OthersFieldsKept, uid, what));
            }
        }
        if pod.deletion_timestamp().is_some() {
            self.deletion.get_or_insert(at);
        }
        if is_terminal(after) && self.terminal.is_none() {
            self.terminal = Some(at);
            self.ended_from_outside |= was_collected(pod);
        }
        if container_statuses(pod).any(has_run) {
            self.shown_started.get_or_insert(at);
        }
        if pod.annotation(virtual_kubelet::core::record::HANDLE_ANNOTATION).is_some() {
            self.handle.get_or_insert(at);
        }
        self.newest = pod.clone();
        problems
    }
}

/// What was written last, up to that revision, of each field.
fn newest_of(others: &[(u64, Field, String)], revision: u64) -> Vec<&(u64, Field, String)> {
    let mut newest: Vec<&(u64, Field, String)> = Vec::new();
    for entry in others.iter().filter(|(since, ..)| *since <= revision) {
        newest.retain(|(_, field, _)| *field != entry.1);
        newest.push(entry);
    }
    newest
}

pub(super) fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

/// Pod garbage collection writes a terminal phase itself.
fn was_collected(pod: &Object) -> bool {
    let reasons = pod.items("/status/conditions").iter().map(|condition| text(condition, "/reason"));
    reasons.into_iter().any(|reason| reason == "DeletionByPodGC")
}

fn has_run(status: &Value) -> bool {
    ["/state/running", "/state/terminated", "/lastState/terminated"].iter().any(|at| status.pointer(at).is_some())
}

fn goes_back(from: &str, to: &str) -> bool {
    let rank = |phase: &str| match phase {
        "" => 0,
        "Pending" => 1,
        "Running" => 2,
        _ => 3,
    };
    rank(to) < rank(from) || (is_terminal(from) && from != to)
}

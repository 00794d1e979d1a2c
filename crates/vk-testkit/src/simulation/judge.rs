//! The invariants, checked against what really happened.

use std::collections::BTreeMap;
use std::fmt;

use virtual_kubelet::core::PodUid;
use vk_apiserver::{ChangeKind, Kernel};

use super::run::Uids;
use crate::backend::{Entry, Happening};

/// Something that must not happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A pod's workload was started more than once.
    StartedTwice(PodUid),
    /// A workload was let go of while it ran.
    ReleasedRunning(PodUid),
    /// A workload that nobody wanted stopped was stopped.
    HealthyKilled(PodUid),
    /// The back end holds a pod that is gone from the API.
    Leaked(PodUid),
    /// A pod that is wanted does not run, and has not ended.
    Dropped {
        /// Which one.
        uid: PodUid,
        /// Its phase in the end.
        phase: String,
    },
    /// The API says another exit code than the back end.
    WrongExitCode(PodUid),
    /// A phase went back, or left its end.
    PhaseWentBack {
        /// Which pod.
        uid: PodUid,
        /// From here.
        from: String,
        /// To here.
        to: String,
    },
    /// A pod is still being deleted.
    Stuck(PodUid),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What the API server's history says.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) created: Uids,
    pub(super) held: Uids,
    pods: BTreeMap<PodUid, PodHistory>,
    went_back: Vec<Violation>,
    /// The newest revision that was read.
    revision: u64,
}

#[derive(Debug, Default)]
struct PodHistory {
    present: bool,
    phase: String,
    exit_code: Option<i64>,
    /// Somebody asked for its end.
    deletion_wanted: bool,
}

impl Facts {
    /// Reads what has happened since it was last read. The server forgets its history when it is told to, so this has to
    /// be called before.
    pub(super) fn read(&mut self, kernel: &Kernel) {
        let known = std::mem::replace(&mut self.revision, kernel.revision());
        for change in kernel.changes("pods").filter(|change| change.revision > known) {
            let object = &change.object;
            let uid = PodUid::from(object.uid());
            let history = self.pods.entry(uid.clone()).or_default();
            let phase = object.text("/status/phase").to_owned();
            if goes_back(&history.phase, &phase) {
                let (from, to) = (history.phase.clone(), phase.clone());
                self.went_back.push(Violation::PhaseWentBack { uid, from, to });
            }
            history.phase = phase;
            history.present = change.kind != ChangeKind::Deleted;
            history.deletion_wanted |= object.deletion_timestamp().is_some() || !history.present;
            history.exit_code = object.integer("/status/containerStatuses/0/state/terminated/exitCode");
        }
    }
}

fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
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

/// Judges a run that has come to rest.
pub(super) fn judge(ledger: &[Entry], facts: &Facts) -> Vec<Violation> {
    let mut violations = facts.went_back.clone();
    for uid in &facts.created {
        let entries: Vec<&Entry> = ledger.iter().filter(|entry| entry.uid == *uid).collect();
        violations.extend(judge_pod(uid, &entries, facts));
    }
    violations
}

fn judge_pod(uid: &PodUid, entries: &[&Entry], facts: &Facts) -> Vec<Violation> {
    let none = PodHistory::default();
    let history = facts.pods.get(uid).unwrap_or(&none);
    let mut violations = Vec::new();
    if entries.iter().filter(|entry| entry.what == Happening::Started).count() > 1 {
        violations.push(Violation::StartedTwice(uid.clone()));
    }
    if entries.iter().any(|entry| entry.what == (Happening::Released { running: true })) {
        violations.push(Violation::ReleasedRunning(uid.clone()));
    }
    if entries.iter().any(|entry| entry.what == Happening::Stopped) && !history.deletion_wanted {
        violations.push(Violation::HealthyKilled(uid.clone()));
    }
    if !history.present && facts.held.contains(uid) {
        violations.push(Violation::Leaked(uid.clone()));
    }
    if history.present && history.deletion_wanted {
        violations.push(Violation::Stuck(uid.clone()));
    }
    let settled = is_terminal(&history.phase) || (history.phase == "Running" && facts.held.contains(uid));
    if history.present && !settled {
        violations.push(Violation::Dropped { uid: uid.clone(), phase: history.phase.clone() });
    }
    let ended = entries.iter().find_map(|entry| match entry.what {
        Happening::Ended { exit_code } => Some(i64::from(exit_code)),
        _ => None,
    });
    let lost = entries.iter().any(|entry| entry.what == Happening::Lost);
    let told = history.exit_code.filter(|_| is_terminal(&history.phase));
    if let (Some(ended), Some(told), false) = (ended, told, lost)
        && ended != told
    {
        violations.push(Violation::WrongExitCode(uid.clone()));
    }
    violations
}

//! Orphans: pods that the back end holds for us and the API does not (invariant 9: destruction needs proof).
//!
//! The back end's lists name candidates: pods that carry our owner label, and that no pod of the API accounts for. One that
//! stays a candidate for a while, and that a quorum list of the API server does not show on our node either, is an orphan;
//! what becomes of it is the policy's choice. All of this goes on for as long as the agent runs.

mod notice;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use notice::OrphanNotice;

use crate::identity::PodUid;
use crate::observation::{ContainerState, PodObservation, Stage};

/// What becomes of an orphan. Whatever it is, a pod that the API shows again (a restored backup) is taken over as if nothing
/// had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrphanAction {
    /// It is stopped, and released.
    #[default]
    Delete,
    /// It is left to run to its own end, and released then.
    Adopt,
    /// It is left as it is. Events and metrics tell of it.
    Report,
}

impl OrphanAction {
    /// Each action by the name that a flag has for it.
    pub const NAMES: [(&str, Self); 3] = [("delete", Self::Delete), ("adopt", Self::Adopt), ("report", Self::Report)];
}

/// What becomes of orphans, and how carefully.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrphanPolicy {
    /// What becomes of them.
    pub action: OrphanAction,
    /// How long a pod must have been without an owner before anything is done about it.
    pub age: Duration,
    /// Up to so many orphans at once are collected without further question.
    pub unquestioned: usize,
    /// Beyond that, at most this share of all pods in the back end, in percent: more looks like a mistake of ours.
    pub most_percent: usize,
}

impl Default for OrphanPolicy {
    fn default() -> Self {
        Self { action: OrphanAction::default(), age: Duration::from_secs(30), unquestioned: 10, most_percent: 50 }
    }
}

/// The API server is asked no more often than this about orphans that are left alone.
const BETWEEN_PROOFS: Duration = Duration::from_secs(30);

/// What is known about orphans, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrphanReport {
    /// Whether the back end can list what it holds. If not, orphans are not looked for.
    pub looked_for: bool,
    /// Proved orphans that are left alone for now.
    pub left: usize,
    /// Orphans that were collected since the agent started.
    pub collected: u64,
    /// Whether they were too many at once to be collected without a person's look.
    pub tripped: bool,
}

/// The pods of the back end that no pod of the API accounts for.
#[derive(Debug, Clone)]
pub struct Orphans {
    policy: OrphanPolicy,
    candidates: BTreeMap<PodUid, Candidate>,
    in_back_end: usize,
    proved_at: Option<Duration>,
    /// Those of the candidates that were proved, and are left alone.
    left: BTreeSet<PodUid>,
    tripped: bool,
    collected: u64,
}

#[derive(Debug, Clone)]
struct Candidate {
    since: Duration,
    /// Since when nothing of it has been running.
    ended_since: Option<Duration>,
    observation: PodObservation,
}

/// What follows from a proof.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Stop and release these.
    pub collect: Vec<PodObservation>,
    /// What people should be told; nothing where nothing changed.
    pub notice: Option<OrphanNotice>,
}

impl Orphans {
    /// Nothing is known yet.
    pub fn new(policy: OrphanPolicy) -> Self {
        Self {
            policy,
            candidates: BTreeMap::new(),
            in_back_end: 0,
            proved_at: None,
            left: BTreeSet::new(),
            tripped: false,
            collected: 0,
        }
    }

    /// Takes a complete list of the back end; `is_known` says which pods have an owner.
    pub fn listed<'a>(
        &mut self,
        pods: impl IntoIterator<Item = &'a PodObservation>,
        is_known: impl Fn(&PodUid) -> bool,
        now: Duration,
    ) {
        let mut before = std::mem::take(&mut self.candidates);
        self.in_back_end = 0;
        for pod in pods {
            self.in_back_end += 1;
            if !is_known(&pod.uid) {
                let candidate = Candidate::seen(before.remove(&pod.uid), pod, now);
                self.candidates.insert(pod.uid.clone(), candidate);
            }
        }
        self.left.retain(|uid| self.candidates.contains_key(uid));
        self.tripped &= !self.left.is_empty();
    }

    /// Takes a pod out, because it has an owner now.
    pub fn claim(&mut self, uid: &PodUid) -> Option<PodObservation> {
        self.left.remove(uid);
        self.candidates.remove(uid).map(|candidate| candidate.observation)
    }

    /// Whether it is time to ask the API server about some candidate.
    pub fn are_due(&self, now: Duration) -> bool {
        let asked_lately = self.proved_at.is_some_and(|at| now < at.saturating_add(BETWEEN_PROOFS));
        !asked_lately && self.candidates.values().any(|candidate| candidate.is_due(&self.policy, now))
    }

    /// Decides, given all UIDs that the API server has on our node by a quorum list.
    pub fn proved(&mut self, on_our_node: &BTreeSet<PodUid>, now: Duration) -> Verdict {
        self.proved_at = Some(now);
        let is_orphan = |(uid, candidate): &(&PodUid, &Candidate)| {
            candidate.is_due(&self.policy, now) && !on_our_node.contains(*uid)
        };
        let orphans: BTreeSet<PodUid> = self.candidates.iter().filter(is_orphan).map(|(uid, _)| uid.clone()).collect();
        let to_collect: Vec<PodUid> = orphans.iter().filter(|uid| self.may_collect(uid, now)).cloned().collect();
        if self.are_too_many(to_collect.len()) {
            let newly = !std::mem::replace(&mut self.tripped, true);
            let tripped = OrphanNotice::Tripped { orphans: to_collect.len(), in_back_end: self.in_back_end };
            self.left = orphans;
            return Verdict { collect: Vec::new(), notice: newly.then_some(tripped) };
        }
        self.tripped = false;
        let collect: Vec<PodObservation> = to_collect.iter().filter_map(|uid| self.claim(uid)).collect();
        self.collected = self.collected.saturating_add(u64::try_from(collect.len()).unwrap_or(u64::MAX));
        let left: BTreeSet<PodUid> = orphans.into_iter().filter(|uid| self.candidates.contains_key(uid)).collect();
        let is_news = !left.is_subset(&self.left);
        self.left = left;
        let notice = if !collect.is_empty() {
            Some(OrphanNotice::Collected { uids: to_collect })
        } else if is_news {
            Some(OrphanNotice::LeftAlone { uids: self.left.iter().cloned().collect() })
        } else {
            None
        };
        Verdict { collect, notice }
    }

    /// What there is to count.
    pub fn report(&self) -> OrphanReport {
        OrphanReport { looked_for: true, left: self.left.len(), collected: self.collected, tripped: self.tripped }
    }

    fn may_collect(&self, uid: &PodUid, now: Duration) -> bool {
        match self.policy.action {
            OrphanAction::Delete => true,
            OrphanAction::Adopt => self.candidates.get(uid).is_some_and(|it| it.has_ended_for(self.policy.age, now)),
            OrphanAction::Report => false,
        }
    }

    fn are_too_many(&self, orphans: usize) -> bool {
        orphans > self.policy.unquestioned && orphans * 100 > self.in_back_end * self.policy.most_percent
    }
}

impl Candidate {
    fn seen(before: Option<Self>, observation: &PodObservation, now: Duration) -> Self {
        let ended = has_ended(observation);
        let ended_before = before.as_ref().and_then(|before| before.ended_since);
        Self {
            since: before.map_or(now, |before| before.since),
            ended_since: ended.then(|| ended_before.unwrap_or(now)),
            observation: observation.clone(),
        }
    }

    fn is_due(&self, policy: &OrphanPolicy, now: Duration) -> bool {
        now >= self.since.saturating_add(policy.age)
    }

    /// A back end that restarts containers by itself shows all of them ended between two runs, for a moment.
    fn has_ended_for(&self, time: Duration, now: Duration) -> bool {
        self.ended_since.is_some_and(|since| now >= since.saturating_add(time))
    }
}

fn has_ended(observation: &PodObservation) -> bool {
    match observation.stage {
        Stage::Stopped | Stage::Disrupted { .. } | Stage::CreateFailed(_) => true,
        Stage::Active => {
            let is_over = |state: &ContainerState| matches!(state, ContainerState::Terminated(_));
            !observation.containers.is_empty() && observation.containers.iter().all(|it| is_over(&it.state))
        }
        Stage::Provisioning { .. } | Stage::Stopping | Stage::Unreachable { .. } => false,
    }
}

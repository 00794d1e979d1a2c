//! Orphans: pods that the back end holds for us and the API does not (invariant 9: destruction needs proof).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::identity::PodUid;
use crate::observation::PodObservation;

/// How carefully orphans are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrphanPolicy {
    /// How long a pod must have been without an owner before anything is done about it.
    pub age: Duration,
    /// Up to so many orphans at once are collected without further question.
    pub unquestioned: usize,
    /// Beyond that, at most this share of all pods in the back end, in percent: more looks like a mistake of ours.
    pub most_percent: usize,
}

impl Default for OrphanPolicy {
    fn default() -> Self {
        Self { age: Duration::from_secs(30), unquestioned: 10, most_percent: 50 }
    }
}

/// The pods of the back end that no pod of the API accounts for.
#[derive(Debug, Clone, Default)]
pub struct Orphans {
    candidates: BTreeMap<PodUid, Candidate>,
    in_back_end: usize,
}

#[derive(Debug, Clone)]
struct Candidate {
    since: Duration,
    observation: PodObservation,
}

/// What is to be done with the orphans that the API server has been asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collection {
    /// Stop and remove these.
    Collect(Vec<PodObservation>),
    /// So many of all pods would be destroyed that a person has to look first.
    Tripped {
        /// Proved orphans.
        orphans: usize,
        /// Pods that the back end holds in all.
        in_back_end: usize,
    },
}

impl Orphans {
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
                let since = before.remove(&pod.uid).map_or(now, |candidate| candidate.since);
                self.candidates.insert(pod.uid.clone(), Candidate { since, observation: pod.clone() });
            }
        }
    }

    /// Takes a pod out, because it has an owner now.
    pub fn claim(&mut self, uid: &PodUid) -> Option<PodObservation> {
        self.candidates.remove(uid).map(|candidate| candidate.observation)
    }

    /// Whether some candidate is old enough for the API server to be asked about it.
    pub fn are_due(&self, policy: &OrphanPolicy, now: Duration) -> bool {
        self.candidates.values().any(|candidate| candidate.is_due(policy, now))
    }

    /// Decides, given all UIDs that the API server has on our node by a quorum list.
    pub fn proved(&mut self, on_our_node: &BTreeSet<PodUid>, policy: &OrphanPolicy, now: Duration) -> Collection {
        let is_orphan =
            |(uid, candidate): &(&PodUid, &Candidate)| candidate.is_due(policy, now) && !on_our_node.contains(*uid);
        let orphans: Vec<PodUid> = self.candidates.iter().filter(is_orphan).map(|(uid, _)| uid.clone()).collect();
        let too_many =
            orphans.len() > policy.unquestioned && orphans.len() * 100 > self.in_back_end * policy.most_percent;
        if too_many {
            return Collection::Tripped { orphans: orphans.len(), in_back_end: self.in_back_end };
        }
        Collection::Collect(orphans.iter().filter_map(|uid| self.claim(uid)).collect())
    }
}

impl Candidate {
    fn is_due(&self, policy: &OrphanPolicy, now: Duration) -> bool {
        now >= self.since + policy.age
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Stage;

    const POLICY: OrphanPolicy = OrphanPolicy { age: Duration::from_secs(30), unquestioned: 2, most_percent: 50 };

    fn pods(names: &[&str]) -> Vec<PodObservation> {
        names.iter().map(|name| PodObservation::new(PodUid::from(*name), 1, Stage::Active)).collect()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_orphan_is_collected_only_after_its_age_and_with_proof() {
        let mut orphans = Orphans::default();
        orphans.listed(&pods(&["a", "b"]), |uid| uid.as_str() == "b", at(0));
        assert!(!orphans.are_due(&POLICY, at(29)) && orphans.are_due(&POLICY, at(30)));
        let still_there = BTreeSet::from([PodUid::from("a")]);
        assert_eq!(orphans.proved(&still_there, &POLICY, at(30)), Collection::Collect(vec![]));
        let collected = orphans.proved(&BTreeSet::new(), &POLICY, at(30));
        assert_eq!(collected, Collection::Collect(pods(&["a"])));
    }

    #[test]
    fn a_pod_that_was_missing_from_one_list_starts_anew() {
        let mut orphans = Orphans::default();
        orphans.listed(&pods(&["a"]), |_| false, at(0));
        orphans.listed(&pods(&[]), |_| false, at(20));
        orphans.listed(&pods(&["a"]), |_| false, at(40));
        assert!(!orphans.are_due(&POLICY, at(60)));
    }

    /// kip#107, k3k#1021: a restart with an empty or wrong list killed every healthy workload.
    #[test]
    fn k3k_1021_a_mistake_does_not_kill_everything() {
        let mut orphans = Orphans::default();
        orphans.listed(&pods(&["a", "b", "c", "d"]), |uid| uid.as_str() == "d", at(0));
        let decision = orphans.proved(&BTreeSet::new(), &POLICY, at(100));
        assert_eq!(decision, Collection::Tripped { orphans: 3, in_back_end: 4 });
    }
}

//! In which ways a pod differs from what the back end was given, by kind, and up to where the back end has answered.
//!
//! What an earlier process had carried over is read from `status.observedGeneration`: it is told only when the back end has
//! answered for that generation, so that it survives a crash, at the price of no write of its own. KEP-5067 has it say that
//! the kubelet has seen a change and decided about it; the one who decides here is the back end.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::effect::Changes;
use super::state::{BackendView, PodMachine};
use crate::observation::ContainerKind;
use crate::record::{AnnotationKey, ContainerFacts, PodFacts};

impl PodMachine {
    /// The annotations that the back end itself wants on the pod: it need not be told of them.
    pub(super) fn backend_annotations(&self) -> BTreeSet<AnnotationKey> {
        match &self.backend {
            BackendView::Present(observation) => {
                observation.annotations.keys().map(|key| AnnotationKey::of(key)).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// What the back end has still to be told.
    pub(super) fn owed_changes(&self) -> Changes {
        let (Some(wanted), Some(given)) = (self.in_api(), &self.given) else { return Changes::default() };
        let changes = changes(given, wanted, self.backend_annotations());
        if self.given_is_uncertain { changes.union(possible_changes(wanted)) } else { changes }
    }

    /// The newest generation that the back end has answered for, while it has not for the pod's own.
    pub(super) fn answered_generation(&self) -> Option<i64> {
        let facts = self.in_api()?;
        // What is not there is given as it is then, and what is to stop is changed no more.
        if self.stop.is_some() || self.end.is_some() || self.backend == BackendView::Absent {
            return None;
        }
        match &self.given {
            Some(given) if !self.given_is_uncertain => {
                (self.owed_changes() != Changes::default()).then_some(given.generation)
            }
            _ => has_unanswered_changes(facts).then_some(facts.observed_generation),
        }
    }

    /// The back end was given this pod by a process before this one.
    pub(super) fn follow_given(&mut self, given: Arc<PodFacts>) {
        self.given_is_uncertain = has_unanswered_changes(&given);
        self.given = Some(given);
    }
}

/// Whether its spec has changed since a node agent last told that the back end had answered.
fn has_unanswered_changes(facts: &PodFacts) -> bool {
    facts.generation > 1 && facts.observed_generation < facts.generation
}

/// What can be changed of a pod that runs.
fn possible_changes(facts: &PodFacts) -> Changes {
    Changes {
        images: true,
        resources: facts.containers.iter().any(|container| container.resources != 0),
        ephemeral: ephemeral(facts).next().is_some(),
        metadata: true,
        deadline: facts.active_deadline_seconds.is_some(),
    }
}

/// What differs. Annotations with these keys do not count.
pub(super) fn changes(given: &PodFacts, wanted: &PodFacts, ignored: BTreeSet<AnnotationKey>) -> Changes {
    let pairs = || pairs(given, wanted);
    Changes {
        images: pairs().any(|(before, now)| before.image != now.image),
        resources: pairs().any(|(before, now)| before.resources != now.resources),
        ephemeral: ephemeral(given).ne(ephemeral(wanted)),
        metadata: given.labels != wanted.labels || foreign(given, &ignored).ne(foreign(wanted, &ignored)),
        deadline: given.active_deadline_seconds != wanted.active_deadline_seconds,
    }
}

/// Init and regular containers before and now; none is ever added or taken away.
fn pairs<'a>(
    given: &'a PodFacts,
    wanted: &'a PodFacts,
) -> impl Iterator<Item = (&'a ContainerFacts, &'a ContainerFacts)> {
    let lasting = |container: &&ContainerFacts| container.kind != ContainerKind::Ephemeral;
    wanted.containers.iter().filter(lasting).filter_map(|now| {
        let before = given.containers.iter().find(|before| before.name == now.name)?;
        Some((before, now))
    })
}

fn ephemeral(facts: &PodFacts) -> impl Iterator<Item = &str> {
    let ephemeral = facts.containers.iter().filter(|container| container.kind == ContainerKind::Ephemeral);
    ephemeral.map(|container| container.name.as_str())
}

fn foreign<'a>(
    facts: &'a PodFacts,
    ignored: &'a BTreeSet<AnnotationKey>,
) -> impl Iterator<Item = (&'a AnnotationKey, &'a u64)> {
    facts.annotations.iter().filter(|(key, _)| !ignored.contains(key))
}

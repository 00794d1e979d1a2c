//! In which ways a pod differs from what the back end was given, by kind.

use std::collections::BTreeSet;

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

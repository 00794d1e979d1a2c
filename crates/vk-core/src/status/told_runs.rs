//! Which runs of containers this agent has told of already.

use serde::{Deserialize, Serialize};

use crate::observation::{ContainerObservation, ContainerState, PodObservation};
use crate::record::Fingerprint;

/// What the observation behind a status said of each container's newest run, as fingerprints.
///
/// Somebody else who writes the same status, and sees another run, is contradicted once and not with every write: a restart
/// is counted when its run is told first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ToldRuns(Box<[u64]>);

impl ToldRuns {
    /// What a status that is computed from this observation tells.
    pub fn of(observation: &PodObservation) -> Self {
        Self(observation.containers.iter().map(fingerprint).collect())
    }

    pub(super) fn contains(&self, observed: &ContainerObservation) -> bool {
        self.0.contains(&fingerprint(observed))
    }
}

/// Runs of one container may share their identifier: between them it is seen to wait, or to have ended.
fn fingerprint(observed: &ContainerObservation) -> u64 {
    let state: &[u8] = match observed.state {
        ContainerState::Waiting { .. } => b"waiting",
        ContainerState::Running { .. } => b"running",
        ContainerState::Terminated(_) => b"terminated",
        ContainerState::Unknown => b"unknown",
    };
    let run = Fingerprint::new().field(observed.name.as_bytes()).field(observed.container_id.as_bytes()).field(state);
    run.field(&observed.restarts.to_le_bytes()).finish()
}

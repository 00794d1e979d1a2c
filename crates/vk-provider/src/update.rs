//! Changes of a running pod, each optional and each answered for itself.

use serde::{Deserialize, Serialize};

/// What differs between the pod that the back end was given and the pod as it should be now.
///
/// Tolerations and other fields that only the control plane reads are not changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PodChange {
    /// Images of init or regular containers.
    pub images: bool,
    /// CPU and memory of containers (KEP-1287). What they have been given then is told by
    /// [`vk_core::ContainerObservation::resources`].
    pub resources: bool,
    /// Ephemeral containers were added (KEP-277).
    pub ephemeral: bool,
    /// Labels or annotations. What the back end itself wants on the pod is no change.
    pub metadata: bool,
    /// `spec.activeDeadlineSeconds`. The core enforces it; this is for back ends with a deadline of their own.
    pub deadline: bool,
}

impl PodChange {
    /// Whether there is anything to carry over.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Both changes together: desires coalesce.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            images: self.images || other.images,
            resources: self.resources || other.resources,
            ephemeral: self.ephemeral || other.ephemeral,
            metadata: self.metadata || other.metadata,
            deadline: self.deadline || other.deadline,
        }
    }
}

/// What the back end says to one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// In effect.
    Applied,
    /// Under way.
    Pending,
    /// Not now; the back end will do it when it can.
    Deferred,
    /// This node can never do it for this pod.
    Infeasible,
    /// The back end does not know such changes.
    Unsupported,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_coalesce() {
        let images = PodChange { images: true, ..PodChange::default() };
        let metadata = PodChange { metadata: true, ..PodChange::default() };
        let both = images.union(metadata);
        assert!(both.images && both.metadata && !both.deadline);
        assert!(PodChange::default().is_empty() && !both.is_empty());
    }
}

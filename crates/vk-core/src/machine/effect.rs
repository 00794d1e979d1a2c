//! What a machine asks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::BackendEvent;

/// Names an effect of one machine, so that a late result is told from the one that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId(pub u64);

/// Something for the shell to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// Call the provider, and report with [`super::Event::Called`].
    Call {
        /// To be reported back.
        id: EffectId,
        /// Which call.
        call: Call,
    },
    /// Ask the call under way to give up; its result is still reported.
    Cancel {
        /// The call's id.
        id: EffectId,
    },
    /// Write to the API server, and report with [`super::Event::Written`].
    Write {
        /// To be reported back.
        id: EffectId,
        /// What to write.
        write: Write,
    },
    /// Record an Event about the pod.
    Record(BackendEvent),
    /// The pod's way is over: drop the machine.
    Forget,
}

/// A call to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Call {
    /// Check the support table, resolve what has to be resolved, ask the provider's `admit`.
    Prepare,
    /// `create`, with the pod as prepared.
    Create,
    /// `adopt`.
    Adopt,
    /// `update`.
    Update(Changes),
    /// `terminate`.
    Terminate {
        /// From now on.
        grace: Duration,
    },
    /// `remove`.
    Remove,
    /// `lookup`.
    Lookup,
}

/// In which ways the pod differs from what the back end was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Changes {
    /// Images of init or regular containers.
    pub images: bool,
    /// Resources of containers (KEP-1287).
    pub resources: bool,
    /// Ephemeral containers were added (KEP-277).
    pub ephemeral: bool,
    /// Labels, or annotations that neither the core nor the back end itself has set.
    pub metadata: bool,
    /// `spec.activeDeadlineSeconds`.
    pub deadline: bool,
}

impl Changes {
    /// Both together.
    #[must_use]
    pub(super) fn union(self, other: Self) -> Self {
        Self {
            images: self.images || other.images,
            resources: self.resources || other.resources,
            ephemeral: self.ephemeral || other.ephemeral,
            metadata: self.metadata || other.metadata,
            deadline: self.deadline || other.deadline,
        }
    }
}

/// A request to the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Write {
    /// Bring the status to what [`super::PodMachine::status_basis`] says.
    Status,
    /// DELETE with grace 0 and the UID as precondition.
    Delete,
    /// Find out, with a quorum list, whether the UID is still on our node.
    ProveAbsence,
}

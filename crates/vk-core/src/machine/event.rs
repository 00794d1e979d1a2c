//! What a machine is told.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::effect::EffectId;
use crate::error::Error;
use crate::identity::{BackendInstance, Handle};
use crate::observation::PodObservation;
use crate::record::{Deletion, PodFacts};
use crate::status::Phase;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// The API server shows the pod.
    Api(Arc<PodFacts>),
    /// The API server no longer has this UID: a watch said so, or a quorum list.
    Gone {
        /// The deletion as the last version showed it.
        deletion: Option<Deletion>,
    },
    /// The back end reported the pod.
    Observed(PodObservation),
    /// The back end listed all its pods.
    Listed {
        /// This pod's entry.
        found: Option<PodObservation>,
        /// Which incarnation of the back end answered.
        instance: Option<BackendInstance>,
        /// When the list was asked for, on the monotonic clock: what happened later it does not speak of.
        asked_at: Duration,
    },
    /// A provider call ended.
    Called {
        /// Which one.
        id: EffectId,
        /// How.
        outcome: CallOutcome,
    },
    /// An API write ended.
    Written {
        /// Which one.
        id: EffectId,
        /// How.
        outcome: WriteOutcome,
    },
    /// Time passed, or something outside the machine may have made a failed call worth repeating.
    Tick,
    /// The back end answers again after an outage: no need to sit out a back-off.
    BackendRecovered,
    /// The agent ends: what is known is written once more, without waiting for news; no further call is begun.
    AgentEnds,
}

/// How a provider call ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CallOutcome {
    /// The pod passed the support table and admission, and its references are there.
    Prepared(Result<(), Error>),
    /// The back end took the pod.
    Created(Result<Created, Error>),
    /// The back end took the pod's context.
    Adopted(Result<(), Error>),
    /// The back end answered to the changes.
    Updated(Result<Updated, Error>),
    /// The stop is under way.
    Terminated(Result<Option<PodObservation>, Error>),
    /// Nothing of the pod is left.
    Removed(Result<(), Error>),
    /// The back end was asked about the pod.
    LookedUp(Result<LookedUp, Error>),
}

/// A successful create.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Created {
    /// To be given back with later calls.
    pub handle: Option<Handle>,
    /// What is known already.
    pub observation: Option<PodObservation>,
    /// Who took it.
    pub instance: Option<BackendInstance>,
}

/// A successful update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Updated {
    /// The resize has to wait; the back end makes it when it can (KEP-1287).
    pub resize_deferred: bool,
}

/// A successful lookup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LookedUp {
    /// The pod, if the back end holds it.
    pub found: Option<PodObservation>,
    /// Who says so.
    pub instance: Option<BackendInstance>,
}

/// How an API write ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WriteOutcome {
    /// The API says already what was to be written.
    Unchanged {
        /// The phase it says.
        phase: Phase,
    },
    /// The status was written.
    Applied {
        /// The phase it says now.
        phase: Phase,
        /// The version that the write made.
        resource_version: String,
    },
    /// As [`Self::Applied`], and nothing but messages for people changed.
    Reworded {
        /// The phase it says now.
        phase: Phase,
        /// The version that the write made.
        resource_version: String,
    },
    /// Nothing but messages for people differs, and they were changed too recently: nothing was written.
    OnlyWords {
        /// The phase it says.
        phase: Phase,
    },
    /// The API server took the deletion; with finalizers the object stays for others to release.
    Deleted,
    /// The proof of absence failed: the API server still has this UID on our node.
    StillThere,
    /// The API server proved that this UID is not on our node.
    Absent,
    /// Somebody else wrote in between.
    Conflict,
    /// The answer means that this UID may be gone: 404, 403, or a UID that does not match.
    IdentityLost {
        /// The server's answer.
        message: String,
    },
    /// The server will never take this.
    Refused {
        /// The server's answer.
        message: String,
    },
    /// It may work later.
    Failed {
        /// The server's answer, or what went wrong on the way.
        message: String,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
}

//! What reaches the pod controller's actor.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use vk_core::machine::{CallOutcome, EffectId, WriteOutcome};
use vk_core::record::{Deletion, PodSnapshot};
use vk_core::resolved::ResolvedPod;
use vk_core::{BackendInstance, Error, PodKey, PodObservation, PodUid};

use super::directory::PodEntry;

/// One message to the actor, which owns every pod's state.
#[derive(Debug)]
pub(super) enum Input {
    /// From the watch of our pods.
    Watched(Watched),
    /// The back end was listed.
    Listed(BackendList),
    /// A provider call ended; what a successful preparation left comes along.
    Called { uid: PodUid, id: EffectId, outcome: Box<CallOutcome>, prepared: Option<Arc<ResolvedPod>> },
    /// A create was not made: the back end has no room on this node for anybody.
    CreateRefused { uid: PodUid, id: EffectId, refusal: Error },
    /// An API write ended.
    Written { uid: PodUid, id: EffectId, outcome: Box<WriteOutcome> },
    /// The API server was asked which pods are on our node.
    OrphansChecked(Result<Vec<PodUid>, String>),
    /// The back end answers again.
    BackendRecovered,
    /// Somebody wants to know about a pod.
    Find { key: PodKey, reply: oneshot::Sender<Result<Option<PodEntry>, Error>> },
    /// Somebody wants to know about every pod.
    All { reply: oneshot::Sender<Result<Vec<PodEntry>, Error>> },
}

/// What the watch of our pods shows.
#[derive(Debug)]
pub(super) enum Watched {
    /// A full list begins.
    ListBegins,
    /// A pod as it is now.
    Applied(PodSnapshot),
    /// A pod is there, and this build cannot read it.
    Unreadable(PodUid),
    /// A pod was deleted.
    Deleted { uid: PodUid, deletion: Option<Deletion> },
    /// The full list is complete: what it lacked is gone.
    ListEnds,
}

/// A complete list of the back end.
#[derive(Debug)]
pub(super) struct BackendList {
    /// When it was asked for.
    pub(super) asked_at: Duration,
    pub(super) instance: Option<BackendInstance>,
    pub(super) pods: BTreeMap<PodUid, PodObservation>,
}

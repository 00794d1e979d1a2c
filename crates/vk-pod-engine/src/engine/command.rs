//! What handles and tasks of an engine tell its actor.

use tokio::sync::oneshot;
use vk_core::{PodObservation, PodUid, Result};
use vk_provider::{
    Accepted, Adopt, Create, Listing, LookupReply, ObservationSink, ProbeCounts, Terminate, Terminating, Update,
};

use crate::machine::{EffectId, Mark, Outcome, VolumeState};
use crate::runtime::{RuntimePod, SandboxId};
use crate::translate::VolumePath;

type Reply<T> = oneshot::Sender<Result<T>>;

/// A request of a handle.
pub(super) enum Command {
    Create {
        request: Create,
        reply: Reply<Accepted>,
    },
    Adopt {
        request: Adopt,
        reply: Reply<()>,
    },
    Terminate {
        request: Terminate,
        reply: Reply<Terminating>,
    },
    Remove {
        uid: PodUid,
        reply: Reply<()>,
    },
    Lookup {
        uid: PodUid,
        reply: Reply<LookupReply>,
    },
    List {
        reply: Reply<Listing>,
    },
    Update {
        request: Update,
        reply: Reply<()>,
    },
    /// The pod as it was last reported, without asking the runtime.
    Recall {
        uid: PodUid,
        reply: Reply<Option<PodObservation>>,
    },
    /// Every pod as it was last reported.
    RecallAll {
        reply: Reply<Vec<PodObservation>>,
    },
    /// What the probes of all pods have found.
    CountProbes {
        reply: Reply<Vec<ProbeCounts>>,
    },
    /// The sandbox in which the pod's containers run, if there is one.
    Sandbox {
        uid: PodUid,
        reply: Reply<Option<SandboxId>>,
    },
    /// `alive` is dropped when the subscription ends.
    Subscribe {
        sink: ObservationSink,
        alive: oneshot::Sender<()>,
    },
}

/// What a task has to tell.
pub(super) enum Report {
    /// A call of a pod's machine ended.
    Done { uid: PodUid, id: EffectId, outcome: Outcome },
    /// A list of everything ended.
    ListedAll { marks: Vec<(PodUid, Mark)>, result: Result<(Vec<RuntimePod>, vk_core::BackendInstance)> },
    /// A lookup ended.
    LookedUp {
        uid: PodUid,
        mark: Option<Mark>,
        result: Result<(Vec<RuntimePod>, vk_core::BackendInstance)>,
        reply: Reply<LookupReply>,
    },
    /// A lookup panicked. Its caller reads that as an engine that does not answer.
    LookupBroke { uid: PodUid, error: vk_core::Error },
    /// A volume stands like this now.
    Volume { uid: PodUid, name: String, state: VolumeState, path: Option<VolumePath> },
    /// Something that a container waits for has changed.
    ReferencesChanged { uid: PodUid },
    /// The runtime's subscription broke.
    WatchEnded(Result<()>),
    /// It is time to subscribe again.
    WatchAgain,
}

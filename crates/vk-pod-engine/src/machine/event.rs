//! What a machine is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vk_core::Error;

use super::effect::EffectId;
use crate::plan::{Evidence, PodPlan};
use crate::runtime::{ContainerId, Image, RuntimePod, RuntimeSandbox};

/// A point in the order of what a machine did and learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark(pub(super) u64);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// The pod was created, or adopted after a restart of the agent.
    Given {
        /// What to run.
        plan: Arc<PodPlan>,
        /// What its status tells of earlier runs.
        evidence: BTreeMap<String, Evidence>,
        /// What the API wants of it.
        stand: Stand,
    },
    /// The pod's images changed.
    Replanned {
        /// What to run from now on.
        plan: Arc<PodPlan>,
    },
    /// The runtime listed the pod without having been asked by this machine.
    Listed {
        /// From [`super::PodMachine::mark`] before the list began.
        mark: Mark,
        /// What it holds.
        pod: RuntimePod,
    },
    /// A call ended.
    Done {
        /// Which one.
        id: EffectId,
        /// How.
        outcome: Outcome,
    },
    /// A volume became ready, or cannot be made ready for now.
    Volume {
        /// Its name.
        name: String,
        /// How it stands.
        state: VolumeState,
    },
    /// The pod is to be stopped within this time.
    Terminate {
        /// From now on.
        grace: Duration,
    },
    /// Nothing of the pod may be left.
    Remove,
    /// Something of the pod may have changed in the runtime.
    Hinted,
    /// Something that the pod refers to has changed.
    ReferencesChanged,
    /// Time passed.
    Tick,
}

/// What the API wants of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stand {
    /// It is to run.
    Wanted,
    /// It is being deleted: what runs goes on until it is told to stop, and nothing is started.
    Deleted,
    /// Its phase is terminal already: nothing is started, and what still runs is stopped.
    Ended,
}

/// How a volume stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VolumeState {
    /// It can be mounted.
    Ready,
    /// It cannot be mounted for now.
    Failed {
        /// For people.
        message: String,
    },
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// [`super::Call::List`].
    Listed(Result<RuntimePod, Error>),
    /// [`super::Call::EnsureSandbox`].
    Sandbox(Result<RuntimeSandbox, Error>),
    /// [`super::Call::FindImage`].
    Found(Result<Option<Image>, Error>),
    /// [`super::Call::PullImage`].
    Pulled(Result<Pulled, Error>),
    /// [`super::Call::Create`].
    Created(Result<ContainerId, CreateFailure>),
    /// [`super::Call::Probe`].
    Probed(Result<ProbeAnswer, Error>),
    /// Any other call.
    Finished(Result<(), Error>),
}

/// What a probe says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProbeAnswer {
    /// All is well.
    Passed,
    /// It is not, for this reason.
    Failed(String),
}

/// A fetched image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pulled {
    /// The image.
    pub image: Image,
    /// How long it took, and how long with the wait for its turn.
    pub took: (Duration, Duration),
}

/// Why a container was not created.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CreateFailure {
    /// What it refers to is missing or wrong: `CreateContainerConfigError`.
    Config(Error),
    /// The runtime refused: `CreateContainerError`.
    Runtime(Error),
}

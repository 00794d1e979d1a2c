//! What a machine asks for.

use serde::{Deserialize, Serialize};
use vk_core::BackendEvent;

use super::event::Mark;
use crate::plan::{Hook, ProbeKind};
use crate::runtime::{ContainerId, SandboxId, Signal};

/// Names a call of one machine, so that its result is told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId(pub u64);

/// Something for the shell to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// Make the call, and report with [`super::Event::Done`].
    Call {
        /// To be reported back.
        id: EffectId,
        /// Which call.
        call: Call,
    },
    /// Ask a call to give up if it can; its outcome is reported all the same.
    Cancel {
        /// The call's id.
        id: EffectId,
    },
    /// Record an Event about the pod.
    Record(BackendEvent),
    /// A removal failed; the machine tries again.
    RemoveFailed(vk_core::Error),
    /// Nothing of the pod is left: drop the machine.
    Forget,
}

/// A call to the runtime or to the store of volumes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Call {
    /// List what the runtime holds of this pod.
    List {
        /// To be handed back.
        mark: Mark,
    },
    /// Make sure that this sandbox runs.
    EnsureSandbox {
        /// Its number.
        attempt: u32,
    },
    /// Stop the sandbox at once.
    StopSandbox {
        /// Which.
        id: SandboxId,
    },
    /// Remove a sandbox.
    RemoveSandbox {
        /// Which.
        id: SandboxId,
    },
    /// Look for the container's image in the runtime's store.
    FindImage {
        /// Name of the container.
        container: String,
        /// The image.
        image: String,
    },
    /// Fetch the container's image.
    PullImage {
        /// Name of the container.
        container: String,
        /// The image.
        image: String,
    },
    /// Resolve what the container refers to, and create it.
    Create {
        /// Name of the container.
        container: String,
        /// Number of the run.
        attempt: u32,
        /// Sandbox to create it in.
        sandbox: SandboxId,
        /// Its number.
        sandbox_attempt: u32,
        /// The image as the pod names it.
        image: String,
        /// To be found again by.
        spec_hash: String,
        /// Id of the image.
        image_id: String,
        /// The user that the image runs as.
        image_user: String,
    },
    /// Start a created container.
    Start {
        /// Name of the container.
        container: String,
        /// Which.
        id: ContainerId,
    },
    /// Send a signal.
    Signal {
        /// Name of the container.
        container: String,
        /// Which.
        id: ContainerId,
        /// What to send.
        signal: Signal,
    },
    /// Remove a container.
    RemoveContainer {
        /// Which.
        id: ContainerId,
    },
    /// Remove the pod's files.
    ReleaseVolumes,
    /// Ask a probe of a container.
    Probe {
        /// Name of the container.
        container: String,
        /// Its run.
        id: ContainerId,
        /// Which probe.
        kind: ProbeKind,
    },
    /// Run a hook of a container.
    RunHook {
        /// Name of the container.
        container: String,
        /// Its run.
        id: ContainerId,
        /// Which hook.
        hook: Hook,
    },
}

impl Call {
    /// Whether lists from before this call say nothing about its effect.
    pub(super) fn changes_runtime(&self) -> bool {
        !matches!(
            self,
            Self::List { .. }
                | Self::FindImage { .. }
                | Self::PullImage { .. }
                | Self::Probe { .. }
                | Self::RunHook { .. }
        )
    }

    /// Whether it removes something from the runtime.
    pub(super) fn removes(&self) -> bool {
        matches!(self, Self::RemoveContainer { .. } | Self::RemoveSandbox { .. })
    }
}

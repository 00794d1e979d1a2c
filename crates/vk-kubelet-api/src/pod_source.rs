//! [`PodSource`]: where the API learns of the node's pods. The pod controller implements it.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use vk_core::{ContainerKind, ContainerState, PodKey, PodUid, RawPod, Result, Target, Terminated};

/// The pods that are bound to one node.
pub trait PodSource: Send + Sync {
    /// The pod that has this name now, or `None` if the node has none.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unavailable`] while it is not known, for example before the first sync: unknown is not absent
    /// (invariant 2).
    fn find(&self, key: PodKey) -> BoxFuture<'_, Result<Option<PodEntry>>>;

    /// All pods of the node, as the API server has them. They are written out one by one, never held together.
    fn list(&self) -> BoxStream<'static, Result<RawPod>>;

    /// The pods of which the back end was last seen to run a container, whatever the API says of them.
    ///
    /// # Errors
    /// As [`Self::find`].
    fn running(&self) -> BoxFuture<'_, Result<Vec<RunningPod>>>;
}

/// A pod that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningPod {
    /// `metadata.uid`.
    pub uid: PodUid,
    /// Its name.
    pub key: PodKey,
    /// Names and images of the containers that run.
    pub containers: Vec<(String, String)>,
}

impl RunningPod {
    /// A pod of which these containers run.
    pub fn new(uid: PodUid, key: PodKey, containers: Vec<(String, String)>) -> Self {
        Self { uid, key, containers }
    }
}

/// What the API needs to know of one pod.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PodEntry {
    /// The pod, as providers are given it.
    pub target: Target,
    /// Every container of its spec: init containers, containers, ephemeral containers.
    pub containers: Vec<ContainerEntry>,
}

impl PodEntry {
    /// A pod with these containers.
    pub fn new(target: Target, containers: Vec<ContainerEntry>) -> Self {
        Self { target, containers }
    }

    pub(crate) fn container(&self, name: &str) -> Option<&ContainerEntry> {
        self.containers.iter().find(|container| container.name == name)
    }
}

/// One container of a pod's spec, and its status.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ContainerEntry {
    /// Name in the spec.
    pub name: String,
    /// The part it plays.
    pub kind: ContainerKind,
    /// State of its newest run; `None` while it has no status at all.
    pub state: Option<ContainerState>,
    /// The run before that.
    pub last: Option<Terminated>,
}

impl ContainerEntry {
    /// A container without a status.
    pub fn new(name: impl Into<String>, kind: ContainerKind) -> Self {
        Self { name: name.into(), kind, state: None, last: None }
    }

    /// The same, with its newest and its previous run.
    #[must_use]
    pub fn with_status(mut self, state: ContainerState, last: Option<Terminated>) -> Self {
        self.state = Some(state);
        self.last = last;
        self
    }
}

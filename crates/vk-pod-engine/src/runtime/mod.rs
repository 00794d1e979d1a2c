//! [`ContainerRuntime`]: the seam for back ends that run containers and know nothing of pods.

mod container;
mod hint;
mod identity;
mod image;
mod network_probe;
mod sandbox;
mod session;
mod state;
mod stats;

use std::future::Future;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use vk_core::support::SupportTable;
use vk_core::{BackendInstance, PodUid, Result};
use vk_provider::{Exit, LogReply, StatsRequest};

pub use container::{ContainerSpec, EnvironmentVariable, Mount, Resources, RunAs, Security, Streams};
pub use hint::HintSink;
pub(crate) use hint::{HintBoard, Pending};
pub use identity::{ContainerId, ContainerIdentity, PodIdentity, SandboxId};
pub use image::{Credentials, Image, PullRequest};
pub use network_probe::{HttpQuestion, NetworkProbe, NetworkQuestion};
pub use sandbox::{Dns, HostAlias, PortMapping, SandboxSpec};
pub use session::Program;
pub use state::{RunState, RuntimeContainer, RuntimePod, RuntimeSandbox};
pub use stats::{RuntimeContainerStats, RuntimePodStats};

use crate::logs::ContainerLogRequest;
use crate::volume::VolumeStore;

/// Runs containers, several of which may share a sandbox: their network and IPC namespaces.
///
/// [`crate::PodEngine`] makes a [`vk_provider::Provider`] out of it, and supplies all that a kubelet does above this line.
///
/// * Everything that is created carries its identity ([`ContainerIdentity`], [`PodIdentity`]) and its owner from its first
///   moment, in the runtime itself: after a restart of the agent `list` is all that the engine has.
/// * Calls are idempotent. What is there already is success for a create, what is gone already for a stop or a removal.
/// * A runtime decides nothing about pods and does not retry.
/// * Errors: [`vk_core::ErrorKind::Unavailable`] if the runtime does not answer, [`vk_core::ErrorKind::OutcomeUnknown`] if
///   it may or may not have done it; anything else is taken as the runtime's refusal and shown to people.
pub trait ContainerRuntime: Send + Sync + 'static {
    /// The fixed facts about this runtime.
    fn features(&self) -> &RuntimeFeatures;

    /// Refuses a pod by what this runtime's configuration forbids, naming the field.
    ///
    /// # Errors
    /// [`vk_core::Error::unsupported`] or [`vk_core::Error::rejected`].
    fn admit(&self, _pod: &Pod) -> Result<()> {
        Ok(())
    }

    /// Which incarnation of the runtime's memory answers: an id that changes when everything is forgotten.
    fn instance(&self) -> impl Future<Output = Result<BackendInstance>> + Send;

    /// Everything of this owner, or of one of its pods: exited containers and sandboxes too.
    fn list(&self, scope: Scope) -> impl Future<Output = Result<Vec<RuntimePod>>> + Send;

    /// Creates and starts the sandbox of this pod and attempt, unless it runs already.
    fn ensure_sandbox(&self, spec: SandboxSpec) -> impl Future<Output = Result<RuntimeSandbox>> + Send;

    /// Stops a sandbox at once; it stays listed.
    fn stop_sandbox(&self, id: &SandboxId) -> impl Future<Output = Result<()>> + Send;

    /// Removes a sandbox, running or not.
    fn remove_sandbox(&self, id: &SandboxId) -> impl Future<Output = Result<()>> + Send;

    /// Looks for an image in the runtime's own store, without asking a registry.
    fn find_image(&self, reference: &str) -> impl Future<Output = Result<Option<Image>>> + Send;

    /// Fetches an image from its registry. May take minutes; may be dropped.
    fn pull_image(&self, request: PullRequest) -> impl Future<Output = Result<Image>> + Send;

    /// Creates a container in a sandbox without starting it. Idempotent by identity and attempt.
    fn create_container(
        &self,
        sandbox: &SandboxId,
        spec: ContainerSpec,
    ) -> impl Future<Output = Result<ContainerId>> + Send;

    /// Starts a created container. A refusal counts as a run that failed (`StartError`, exit code 128).
    fn start_container(&self, id: &ContainerId) -> impl Future<Output = Result<()>> + Send;

    /// Sends a signal and returns; that the container has ended is told by `list`.
    fn signal_container(&self, id: &ContainerId, signal: Signal) -> impl Future<Output = Result<()>> + Send;

    /// Runs a command in a container that runs, to its end. May be dropped; what runs then may go on.
    ///
    /// Called for probes and hooks only; the default is for runtimes whose support table has none of them.
    fn exec(&self, _id: &ContainerId, _command: Vec<String>) -> impl Future<Output = Result<ExecOutcome>> + Send {
        async { Err(vk_core::Error::internal("this runtime runs no commands in containers")) }
    }

    /// Joins the client's streams to a program in a container that runs, until that ends. Dropped before, because the client
    /// has gone, a command that was started for it is to be ended if the runtime can.
    ///
    /// Called only if the features say that there are sessions.
    fn session(
        &self,
        _id: &ContainerId,
        _program: Program,
        _streams: vk_provider::Streams,
    ) -> impl Future<Output = Result<Exit>> + Send {
        async { Err(vk_core::Error::internal("this runtime has no interactive sessions")) }
    }

    /// Connects to a TCP port of `localhost` in the network of a sandbox; see [`vk_provider::PortForward::connect`].
    ///
    /// Called only if the features say that there is port-forward.
    fn connect(&self, _sandbox: &SandboxId, _port: u16) -> impl Future<Output = Result<vk_provider::BoxDuplex>> + Send {
        async { Err(vk_core::Error::internal("this runtime connects to no ports of sandboxes")) }
    }

    /// Removes a container with its log, running or not.
    fn remove_container(&self, id: &ContainerId) -> impl Future<Output = Result<()>> + Send;

    /// Opens the log of one run.
    fn logs(&self, id: &ContainerId, request: ContainerLogRequest) -> impl Future<Output = Result<LogReply>> + Send;

    /// What the containers of this owner use that run. What is gone by the time it is asked for is left out. How many
    /// requests are under way at the same time is for the runtime to bound.
    ///
    /// Called only if the features say that there are statistics.
    fn stats(&self, _request: StatsRequest) -> impl Future<Output = Result<Vec<RuntimePodStats>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Hints at what may have changed, until the subscription breaks; the engine lists, and calls again.
    ///
    /// Call [`HintSink::live`] once subscribed. The default is for runtimes without events: the engine then lists every few
    /// seconds.
    fn watch(&self, _hints: HintSink) -> impl Future<Output = Result<()>> + Send {
        std::future::pending()
    }
}

/// How a command in a container has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// Its exit code.
    pub exit_code: i64,
    /// The beginning of what it wrote.
    pub output: String,
}

/// Which part of a runtime's memory is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every pod of this owner.
    All,
    /// One of them.
    Pod(PodUid),
}

/// How a container is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Signal {
    /// The container's own stop signal, `SIGTERM` unless its image says otherwise.
    Stop,
    /// `SIGKILL`.
    Kill,
}

/// The fixed facts about a runtime.
#[derive(Clone)]
#[non_exhaustive]
pub struct RuntimeFeatures {
    /// Short lower-case name: the provider's name, and the scheme of container ids as in `docker://4f5c…`.
    pub name: String,
    /// The fields of a pod that engine and runtime together honour.
    pub support: SupportTable,
    /// Where the files of volumes are kept; `None` if files cannot be brought to containers.
    pub volumes: Option<Arc<dyn VolumeStore>>,
    /// Whether `watch` hints at changes. If not, the engine lists every few seconds.
    pub hints: bool,
    /// Whether there are interactive sessions, for exec and attach.
    pub sessions: bool,
    /// Whether it tells what containers use.
    pub stats: bool,
    /// Whether connections can be made to ports inside sandboxes.
    pub port_forward: bool,
    /// What asks containers over the network; `None` if probes and hooks by HTTP, TCP and gRPC are not honoured.
    pub network_probe: Option<Arc<dyn NetworkProbe>>,
}

impl RuntimeFeatures {
    /// A runtime without files that hints at changes.
    pub fn new(name: impl Into<String>, support: SupportTable) -> Self {
        Self {
            name: name.into(),
            support,
            volumes: None,
            hints: true,
            sessions: false,
            stats: false,
            port_forward: false,
            network_probe: None,
        }
    }

    /// The same, with probes and hooks over the network.
    #[must_use]
    pub fn with_network_probe(mut self, probe: Arc<dyn NetworkProbe>) -> Self {
        self.network_probe = Some(probe);
        self
    }

    /// The same, with interactive sessions.
    #[must_use]
    pub fn with_sessions(mut self) -> Self {
        self.sessions = true;
        self
    }

    /// The same, with statistics.
    #[must_use]
    pub fn with_stats(mut self) -> Self {
        self.stats = true;
        self
    }

    /// The same, with connections to ports inside sandboxes.
    #[must_use]
    pub fn with_port_forward(mut self) -> Self {
        self.port_forward = true;
        self
    }

    /// The same, with a place for files.
    #[must_use]
    pub fn with_volumes(mut self, volumes: Arc<dyn VolumeStore>) -> Self {
        self.volumes = Some(volumes);
        self
    }
}

impl std::fmt::Debug for RuntimeFeatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeFeatures")
            .field("name", &self.name)
            .field("volumes", &self.volumes.is_some())
            .field("hints", &self.hints)
            .finish_non_exhaustive()
    }
}

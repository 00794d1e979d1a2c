//! What a back end reports. Never a `PodStatus`: one function of this crate computes that, for every provider.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::identity::{Handle, PodUid};

/// Everything a back end knows about one pod at one moment: a full snapshot, not a change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PodObservation {
    /// The pod, by the UID that the back-end object carries.
    pub uid: PodUid,
    /// Grows with each change of this pod; an observation with a lower revision than one already seen is stale.
    pub revision: u64,
    /// Replaces the handle known so far.
    pub handle: Option<Handle>,
    /// Where the pod as a whole stands.
    pub stage: Stage,
    /// One entry for each container that the back end knows; containers it has not got to may be left out.
    pub containers: Vec<ContainerObservation>,
    /// The pod's addresses; none is legal.
    pub pod_ips: Vec<IpAddr>,
    /// Addresses of the host that runs the pod; empty means the node's own.
    pub host_ips: Vec<IpAddr>,
    /// Annotations that the back end wants on the pod.
    pub annotations: BTreeMap<String, String>,
    /// What the back end has to say to people; each entry is recorded once.
    pub events: Vec<BackendEvent>,
}

/// Where the pod as a whole stands in the back end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stage {
    /// Accepted; nothing of the pod runs yet.
    Provisioning {
        /// CamelCase, as in `PullingImage`.
        reason: String,
        /// For people.
        message: String,
    },
    /// The containers' states say the rest.
    Active,
    /// Accepted first, refused later; nothing of the pod runs or will run.
    CreateFailed(Error),
    /// A stop is under way.
    Stopping,
    /// Nothing of the pod runs, and the back end will start nothing of it again.
    Stopped,
    /// As [`Self::Stopped`], and the platform did it (preemption, eviction, host failure).
    Disrupted {
        /// CamelCase, as in `SpotInterruption`.
        reason: String,
        /// For people.
        message: String,
    },
    /// The back end lost contact with what runs the pod; the last container states are kept.
    Unreachable {
        /// When contact was lost.
        since: Timestamp,
        /// CamelCase.
        reason: String,
    },
}

/// The part a container plays in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ContainerKind {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with `restartPolicy: Always` (KEP-753): runs beside the others until they have ended.
    Sidecar,
    /// One of `spec.containers`.
    App,
    /// One of `spec.ephemeralContainers`.
    Ephemeral,
}

/// One container, as the back end sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContainerObservation {
    /// Name in the pod's spec.
    pub name: String,
    /// The part it plays.
    pub kind: ContainerKind,
    /// Its newest run.
    pub state: ContainerState,
    /// The run before, once it has been restarted.
    pub last: Option<Terminated>,
    /// Completed restarts.
    pub restarts: u32,
    /// Result of the back end's own readiness check; `None` leaves it to the core.
    pub ready: Option<bool>,
    /// Result of the back end's own startup check; `None` leaves it to the core.
    pub started: Option<bool>,
    /// The image as the back end resolved it.
    pub image: String,
    /// The image's digest or id.
    pub image_id: String,
    /// `scheme://id`, as in `docker://4f5c…`; empty before there is one.
    pub container_id: String,
    /// CPU and memory that it has now, for back ends that resize running containers; `None` leaves it at what the spec asked
    /// for when it first ran, and answers a resize with `PodResizePending`.
    pub resources: Option<GivenResources>,
}

/// What a container has been given, by resource, in Kubernetes quantities, as in `500m` and `1Gi`; what is none is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GivenResources {
    /// What is set aside for it.
    pub requests: BTreeMap<String, String>,
    /// What it may use at most.
    pub limits: BTreeMap<String, String>,
}

/// State of a container's newest run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContainerState {
    /// It will run, or run again.
    Waiting {
        /// CamelCase, as in `CrashLoopBackOff`.
        reason: String,
        /// For people.
        message: String,
    },
    /// It runs.
    Running {
        /// When it started.
        started_at: Option<Timestamp>,
    },
    /// It ran and stopped.
    Terminated(Terminated),
    /// The back end cannot tell.
    Unknown,
}

/// How a run of a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Terminated {
    /// Exit code of its first process; 128 + signal if a signal ended it.
    pub exit_code: i32,
    /// The signal that ended it, where the back end knows.
    pub signal: Option<i32>,
    /// CamelCase: `Completed`, `Error`, `OOMKilled`, ….
    pub reason: String,
    /// Its termination message, or what the back end has to say.
    pub message: String,
    /// When the run began.
    pub started_at: Option<Timestamp>,
    /// When the run ended.
    pub finished_at: Option<Timestamp>,
    /// As [`ContainerObservation::container_id`].
    pub container_id: String,
}

/// `type` of a Kubernetes Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// Information.
    Normal,
    /// Something that a person may have to act on.
    Warning,
}

impl EventType {
    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something to tell people about a pod, recorded as a Kubernetes Event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BackendEvent {
    /// Normal or Warning.
    pub kind: EventType,
    /// CamelCase; the kubelet's words where it has one (`Pulled`, `Created`, `Started`, `Killing`, `BackOff`, `Failed`).
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// The container it is about.
    pub container: Option<String>,
}

impl PodObservation {
    /// A snapshot without containers, addresses or events; set what is known on the result.
    pub fn new(uid: PodUid, revision: u64, stage: Stage) -> Self {
        Self {
            uid,
            revision,
            handle: None,
            stage,
            containers: Vec::new(),
            pod_ips: Vec::new(),
            host_ips: Vec::new(),
            annotations: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// The same, with these containers.
    #[must_use]
    pub fn with_containers(mut self, containers: Vec<ContainerObservation>) -> Self {
        self.containers = containers;
        self
    }

    /// The same, with this one pod address.
    #[must_use]
    pub fn with_pod_ip(mut self, ip: IpAddr) -> Self {
        self.pod_ips = vec![ip];
        self
    }
}

impl ContainerObservation {
    /// A container of this name and kind in this state.
    pub fn new(name: impl Into<String>, kind: ContainerKind, state: ContainerState) -> Self {
        Self {
            name: name.into(),
            kind,
            state,
            last: None,
            restarts: 0,
            ready: None,
            started: None,
            image: String::new(),
            image_id: String::new(),
            container_id: String::new(),
            resources: None,
        }
    }
}

impl ContainerState {
    /// Waiting, with a CamelCase reason.
    pub fn waiting(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Waiting { reason: reason.into(), message: message.into() }
    }
}

impl Terminated {
    /// A run that ended with this exit code; the reason is the kubelet's for it.
    pub fn with_exit_code(exit_code: i32) -> Self {
        let reason = if exit_code == 0 { "Completed" } else { "Error" };
        Self {
            exit_code,
            signal: None,
            reason: reason.to_owned(),
            message: String::new(),
            started_at: None,
            finished_at: None,
            container_id: String::new(),
        }
    }

    /// How long the run took, where both ends are known.
    pub fn duration(&self) -> Option<Duration> {
        let (start, end) = (self.started_at?, self.finished_at?);
        Duration::try_from(end.duration_since(start)).ok()
    }
}

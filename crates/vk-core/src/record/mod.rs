//! The compact form of a pod that the cache keeps: the few fields that decisions need, and the JSON as served.
//!
//! A decoded `Pod` of 18 KB JSON holds 117 KB of heap; this holds what it is given plus about half a kilobyte. The whole
//! pod is decoded only to hand it to a provider or to compute its status.

mod decode;
mod fingerprint;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use decode::{DecodeError, WireMeta, decode};
pub(crate) use fingerprint::{Fingerprint, fingerprint_of};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::admission::Requests;
use crate::identity::{BackendInstance, Handle, PodKey, PodUid};
use crate::observation::ContainerKind;
use crate::resolved::RawPod;
use crate::status::{ContainerRestart, Phase};

/// Annotation that keeps [`crate::PodObservation::handle`], in base64.
pub const HANDLE_ANNOTATION: &str = "virtual-kubelet.io/handle";

/// Annotation that keeps the [`BackendInstance`] that accepted the pod.
pub const INSTANCE_ANNOTATION: &str = "virtual-kubelet.io/backend-instance";

/// A pod as the API server served it.
#[derive(Debug, Clone)]
pub struct PodSnapshot {
    /// `metadata.uid`.
    pub uid: PodUid,
    /// Namespace and name.
    pub key: PodKey,
    /// What decisions need.
    pub facts: Arc<PodFacts>,
    /// The whole.
    pub raw: RawPod,
}

/// The fields of a pod that decisions about its life need.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodFacts {
    /// `metadata.resourceVersion`; opaque.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// Set once the pod is being deleted.
    pub deletion: Option<Deletion>,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace_seconds: u64,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<u64>,
    /// All containers of the spec: init containers first, in order.
    pub containers: Vec<ContainerFacts>,
    /// Fingerprint of all labels.
    pub labels: u64,
    /// Fingerprint of each annotation's value; the core's own annotations do not count.
    pub annotations: BTreeMap<AnnotationKey, u64>,
    /// `status.phase`.
    pub phase: Phase,
    /// `status.observedGeneration`; 0 if there is none.
    pub observed_generation: i64,
    /// `status.startTime`.
    pub start_time: Option<Timestamp>,
    /// Evidence in the status that some container has run (invariant 3).
    pub started: bool,
    /// What it requests of the node in all.
    pub requests: Requests,
    /// Whether a DaemonSet made it.
    pub of_daemon_set: bool,
    /// From [`HANDLE_ANNOTATION`].
    pub handle: Option<Handle>,
    /// From [`INSTANCE_ANNOTATION`].
    pub instance: Option<BackendInstance>,
}

/// A pod's deletion as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Deletion {
    /// `metadata.deletionTimestamp`, by the API server's clock: when the grace period ends.
    pub due: Timestamp,
    /// `metadata.deletionGracePeriodSeconds`.
    pub grace_seconds: u64,
}

/// `spec.restartPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Every container is restarted whenever it ends.
    Always,
    /// A container is restarted unless it ended with code 0.
    OnFailure,
    /// No container is restarted.
    Never,
}

impl RestartPolicy {
    /// Reads the API's word; `Always` is the API's default.
    pub fn parse(word: &str) -> Self {
        match word {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }
}

/// One container of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerFacts {
    /// `name`.
    pub name: String,
    /// The part it plays.
    pub kind: ContainerKind,
    /// `image`.
    pub image: String,
    /// Fingerprint of `resources`; 0 if it asks for none.
    pub resources: u64,
    /// What it says about its own restarts.
    pub restart: ContainerRestart,
}

/// Fingerprint of an annotation's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnnotationKey(u64);

impl AnnotationKey {
    /// The fingerprint of this key.
    pub fn of(key: &str) -> Self {
        Self(fingerprint_of(key.as_bytes()))
    }
}

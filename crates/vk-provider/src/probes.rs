//! What probes have found, of providers that ask them.

use futures::future::BoxFuture;
use vk_core::{PodKey, PodUid, Result};

/// Counts the answers of probes. For people: what follows from an answer is the provider's own business.
pub trait Probes: Send + Sync {
    /// The counts of every pod that is still there.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unavailable`] if whoever counts has ended.
    fn counts(&self) -> BoxFuture<'_, Result<Vec<ProbeCounts>>>;
}

/// A probe, as a field of the pod's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeType {
    /// `livenessProbe`.
    Liveness,
    /// `readinessProbe`.
    Readiness,
    /// `startupProbe`.
    Startup,
}

impl ProbeType {
    /// As the kubelet names it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
            Self::Startup => "Startup",
        }
    }
}

/// The answers of one probe since the pod was first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeCounts {
    /// Which pod.
    pub uid: PodUid,
    /// Its name.
    pub key: PodKey,
    /// Name of the container.
    pub container: String,
    /// Which probe.
    pub probe: ProbeType,
    /// Times that all was well.
    pub successful: u64,
    /// Times that it was not.
    pub failed: u64,
    /// Times that the container could not be asked.
    pub unknown: u64,
}

impl ProbeCounts {
    /// A probe that was never asked.
    pub fn new(uid: PodUid, key: PodKey, container: impl Into<String>, probe: ProbeType) -> Self {
        Self { uid, key, container: container.into(), probe, successful: 0, failed: 0, unknown: 0 }
    }
}

//! One pod, as the actor keeps it: its machine, and what the machine does not need to know.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use vk_core::resolved::{RawPod, ResolvedPod};
use vk_core::{BackendInstance, PodObservation, Result};
use vk_provider::PodContext;

use super::probes::ProbeLedger;
use crate::machine::{EffectId, Observed, PodMachine};
use crate::translate::VolumePath;

/// What `create` or `adopt` gave.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) raw: RawPod,
    pub(super) context: PodContext,
    /// Whether the pod has its host's addresses instead of its own.
    pub(super) host_network: bool,
}

impl Given {
    pub(super) fn new(pod: &ResolvedPod, context: PodContext) -> Self {
        let host_network = pod.pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or(false);
        Self { raw: pod.raw.clone(), context, host_network }
    }
}

pub(super) struct Pod {
    pub(super) machine: PodMachine,
    pub(super) given: Option<Arc<Given>>,
    /// The incarnation of the runtime whose list was last taken into account.
    pub(super) instance: Option<BackendInstance>,
    /// Tells the keeper of the volumes that the pod has changed.
    pub(super) newest: Option<watch::Sender<Arc<Given>>>,
    /// Ends the keeper with the pod.
    pub(super) keeper: Option<DropGuard>,
    pub(super) volumes: BTreeMap<String, VolumePath>,
    /// What its probes have found.
    pub(super) probes: ProbeLedger,
    pub(super) cancels: BTreeMap<EffectId, CancellationToken>,
    /// When the machine wants to be woken.
    pub(super) wakeup: Option<Duration>,
    /// What was reported last.
    pub(super) observed: Option<Observed>,
    pub(super) observation: Option<PodObservation>,
    /// Who waits for the removal.
    pub(super) removers: Vec<oneshot::Sender<Result<()>>>,
}

impl Pod {
    pub(super) fn new(machine: PodMachine) -> Self {
        Self {
            machine,
            given: None,
            instance: None,
            newest: None,
            keeper: None,
            volumes: BTreeMap::new(),
            probes: ProbeLedger::default(),
            cancels: BTreeMap::new(),
            wakeup: None,
            observed: None,
            observation: None,
            removers: Vec::new(),
        }
    }

    /// Whether it has begun in another incarnation of the runtime than this one.
    pub(super) fn is_elsewhere(&self, here: &BackendInstance) -> bool {
        self.machine.has_begun() && self.instance.as_ref().is_some_and(|home| home != here)
    }

    /// The address at which the pod is asked how it is.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match &self.given {
            Some(given) if given.host_network => given.context.node.host_ips.first().copied(),
            _ => self.machine.observe().ips.first().copied(),
        }
    }
}

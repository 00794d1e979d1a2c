//! What a status is computed from, taken along to the task that computes and writes it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use vk_core::PodObservation;
use vk_core::machine::PodMachine;
use vk_core::status::{ToldRuns, Verdict};

/// An owned copy of a machine's [`vk_core::machine::StatusBasis`].
#[derive(Debug)]
pub(super) struct OwnedBasis {
    pub(super) verdict: Verdict,
    pub(super) observation: Option<PodObservation>,
    pub(super) start_time: Option<Timestamp>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) node_ips: Vec<IpAddr>,
    pub(super) now: Timestamp,
    pub(super) may_reword: bool,
    pub(super) told: ToldRuns,
    pub(super) resize_deferred: Option<bool>,
    pub(super) answered_generation: Option<i64>,
}

impl OwnedBasis {
    pub(super) fn of(machine: &PodMachine, node_ips: Vec<IpAddr>, now: Timestamp) -> Self {
        let basis = machine.status_basis();
        Self {
            verdict: basis.verdict,
            observation: basis.observation.cloned(),
            start_time: basis.start_time,
            annotations: basis.annotations,
            node_ips,
            now,
            may_reword: basis.may_reword,
            told: basis.told.clone(),
            resize_deferred: basis.resize_deferred,
            answered_generation: basis.answered_generation,
        }
    }
}

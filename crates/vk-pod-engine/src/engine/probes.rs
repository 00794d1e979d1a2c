//! Counts what probes answer.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use vk_core::{ErrorKind, PodKey, Result};
use vk_provider::{ProbeCounts, ProbeType, Probes};

use super::ask;
use super::command::Command;
use crate::machine::{Call, EffectId, Outcome, ProbeAnswer};
use crate::plan::ProbeKind;
use crate::runtime::PodIdentity;

/// The engine's interface for the counts.
pub(super) struct EngineProbes {
    commands: mpsc::Sender<Command>,
}

impl EngineProbes {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }
}

impl Probes for EngineProbes {
    fn counts(&self) -> BoxFuture<'_, Result<Vec<ProbeCounts>>> {
        ask(&self.commands, |reply| Command::CountProbes { reply }).boxed()
    }
}

/// The counts of one pod.
#[derive(Debug, Default)]
pub(super) struct ProbeLedger {
    /// Probes that have not answered yet.
    asked: BTreeMap<EffectId, (String, ProbeType)>,
    counts: BTreeMap<(String, ProbeType), Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    successful: u64,
    failed: u64,
    unknown: u64,
}

impl ProbeLedger {
    /// A call begins; those that are no probes are of no interest.
    pub(super) fn begun(&mut self, id: EffectId, call: &Call) {
        if let Call::Probe { container, kind, .. } = call {
            let probe = match kind {
                ProbeKind::Startup => ProbeType::Startup,
                ProbeKind::Liveness => ProbeType::Liveness,
                ProbeKind::Readiness => ProbeType::Readiness,
            };
            self.asked.insert(id, (container.clone(), probe));
        }
    }

    /// A call has ended. A probe that was called off counts for nothing.
    pub(super) fn ended(&mut self, id: EffectId, outcome: &Outcome) {
        let Some(probe) = self.asked.remove(&id) else { return };
        let Outcome::Probed(answer) = outcome else { return };
        if matches!(answer, Err(error) if error.kind == ErrorKind::Cancelled) {
            return;
        }
        let counts = self.counts.entry(probe).or_default();
        let count = match answer {
            Ok(ProbeAnswer::Passed) => &mut counts.successful,
            Ok(ProbeAnswer::Failed(_)) => &mut counts.failed,
            Err(_) => &mut counts.unknown,
        };
        *count = count.saturating_add(1);
    }

    pub(super) fn of<'a>(&'a self, pod: &'a PodIdentity) -> impl Iterator<Item = ProbeCounts> + 'a {
        let key = PodKey::new(pod.namespace.as_str(), pod.name.as_str());
        self.counts.iter().map(move |((container, probe), counts)| {
            let mut told = ProbeCounts::new(pod.uid.clone(), key.clone(), container.as_str(), *probe);
            (told.successful, told.failed, told.unknown) = (counts.successful, counts.failed, counts.unknown);
            told
        })
    }
}

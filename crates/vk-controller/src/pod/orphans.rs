//! Orphans, for the actor: what `vk-core` decides about them becomes Events, a report for metrics, and pods to be ended.

use std::time::Duration;

use tokio::sync::watch;
use vk_core::machine::BackendPolicy;
use vk_core::orphan::{OrphanNotice, OrphanPolicy, OrphanReport, Orphans};
use vk_core::{PodObservation, PodUid};

use crate::events::{EventRecorder, tell_of_node, warning_if};

/// Looks for orphans of one node.
pub(super) struct OrphanSearch {
    orphans: Orphans,
    /// Whether the back end can list what it holds: without that, absence from a list means nothing, nor does presence.
    looked_for: bool,
    /// The API server is being asked.
    asking: bool,
    outputs: OrphanOutputs,
}

/// Whom the search tells.
pub(super) struct OrphanOutputs {
    pub(super) recorder: EventRecorder,
    pub(super) node_name: String,
    pub(super) report: watch::Sender<OrphanReport>,
}

impl OrphanSearch {
    pub(super) fn new(policy: OrphanPolicy, back_end: BackendPolicy, outputs: OrphanOutputs) -> Self {
        let search = Self { orphans: Orphans::new(policy), looked_for: back_end.lists_all, asking: false, outputs };
        if !search.looked_for {
            search.tell(&OrphanNotice::NotLookedFor);
        }
        search.publish();
        search
    }

    /// Takes a complete list of the back end.
    pub(super) fn listed<'a>(
        &mut self,
        pods: impl IntoIterator<Item = &'a PodObservation>,
        is_known: impl Fn(&PodUid) -> bool,
        now: Duration,
    ) {
        self.orphans.listed(pods, is_known, now);
        self.publish();
    }

    /// Takes a pod out, because the API shows it; what the last list said of it, if it said something.
    pub(super) fn claim(&mut self, uid: &PodUid) -> Option<PodObservation> {
        let found = self.orphans.claim(uid);
        self.publish();
        found
    }

    /// Whether the API server is to be asked now. Who is told so asks, and answers with [`Self::answered`].
    pub(super) fn begin_proof(&mut self, now: Duration) -> bool {
        let begins = self.looked_for && !self.asking && self.orphans.are_due(now);
        self.asking |= begins;
        begins
    }

    /// The pods that are to be stopped and released.
    pub(super) fn answered(&mut self, answer: Result<Vec<PodUid>, String>, now: Duration) -> Vec<PodObservation> {
        self.asking = false;
        let uids = match answer {
            Ok(uids) => uids.into_iter().collect(),
            Err(error) => {
                tracing::warn!(error, "orphans are left alone: the API server could not be asked");
                return Vec::new();
            }
        };
        let verdict = self.orphans.proved(&uids, now);
        verdict.notice.iter().for_each(|notice| self.tell(notice));
        self.publish();
        verdict.collect
    }

    fn tell(&self, notice: &OrphanNotice) {
        let OrphanOutputs { recorder, node_name, .. } = &self.outputs;
        tell_of_node(Some(recorder), node_name, warning_if(notice.is_warning()), notice.reason(), notice);
    }

    fn publish(&self) {
        let report = OrphanReport { looked_for: self.looked_for, ..self.orphans.report() };
        self.outputs.report.send_if_modified(|known| std::mem::replace(known, report) != report);
    }
}

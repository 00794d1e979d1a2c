//! What the back end holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use virtual_kubelet::core::{PodObservation, PodUid};
use virtual_kubelet::provider::ObservationSink;

use super::ledger::{Entry, Happening, Life};
use super::{Fault, Method, Nature, Workload};

/// So many calls in one instant are a loop without end.
const HOT: u32 = 1000;

/// The pods of one incarnation.
pub(super) type Place = BTreeMap<PodUid, Workload>;

#[derive(Default)]
pub(super) struct State {
    pub(super) nature: Nature,
    /// The first incarnation's pods, and the other one's.
    pub(super) places: [Place; 2],
    /// The other incarnation answers.
    pub(super) elsewhere: bool,
    pub(super) entries: Vec<Entry>,
    past: Vec<Life>,
    pub(super) faults: BTreeMap<Method, VecDeque<Fault>>,
    pub(super) sinks: BTreeMap<u64, (ObservationSink, oneshot::Sender<()>)>,
    pub(super) refused: BTreeSet<PodUid>,
    pub(super) rejected: BTreeSet<PodUid>,
    pub(super) number: u64,
    calls: (Duration, u32),
    pub(super) hot: Option<Method>,
}

impl State {
    /// The pods of the incarnation that answers.
    pub(super) fn place(&self) -> &Place {
        &self.places[usize::from(self.elsewhere)]
    }

    pub(super) fn place_mut(&mut self, elsewhere: bool) -> &mut Place {
        &mut self.places[usize::from(elsewhere)]
    }

    pub(super) fn write(&mut self, at: Duration, uid: &PodUid, what: Happening) {
        self.entries.push(Entry { at, uid: uid.clone(), what });
    }

    pub(super) fn leave(&mut self, elsewhere: bool, uid: &PodUid, why: Happening, now: Duration) {
        if let Some(mut workload) = self.place_mut(elsewhere).remove(uid) {
            self.past.push(workload.leave(why.clone(), now));
            self.write(now, uid, why);
        }
    }

    pub(super) fn lives(&self) -> Vec<Life> {
        let present = self.places.iter().flat_map(BTreeMap::values).map(Workload::life);
        let mut lives: Vec<Life> = self.past.iter().chain(present).cloned().collect();
        lives.sort_by_key(|life| life.accepted);
        lives
    }

    pub(super) fn tell(&self, elsewhere: bool, observation: &PodObservation) {
        if elsewhere != self.elsewhere {
            return;
        }
        for (sink, _) in self.sinks.values() {
            sink.observe(observation.clone());
            if self.nature.tells_twice {
                sink.observe(observation.clone());
            }
        }
    }

    /// What goes wrong with the call that is made now.
    pub(super) fn next_fault(&mut self, method: Method, now: Duration) -> Option<Fault> {
        let (instant, count) = self.calls;
        self.calls = if instant == now { (now, count + 1) } else { (now, 1) };
        if self.calls.1 > HOT {
            self.hot = Some(method);
            return Some(Fault::Hang);
        }
        self.faults.get_mut(&method)?.pop_front()
    }
}

//! A back end in memory. What it holds survives the agents that use it, as a real one's would.

mod fault;
mod ledger;
mod provider;
mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use fault::{Fault, Method};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use ledger::Ledger;
pub use ledger::{Entry, Happening};
use parking_lot::Mutex;
pub use provider::SimulatedProvider;
use tokio::time::Instant;
use virtual_kubelet::core::{PodKey, PodObservation, PodUid};
use virtual_kubelet::provider::{NaiveNodeProvider, ObservationSink};
pub use workload::Workload;

/// The back end itself. Clones are the same back end.
#[derive(Clone)]
pub struct Backend {
    state: Arc<Mutex<State>>,
}

struct State {
    born: Instant,
    workloads: BTreeMap<PodUid, Workload>,
    ledger: Ledger,
    faults: BTreeMap<Method, Vec<Fault>>,
    sinks: BTreeMap<u64, ObservationSink>,
    next_sink: u64,
}

impl Default for Backend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend {
    /// An empty back end.
    pub fn new() -> Self {
        let state = State {
            born: Instant::now(),
            workloads: BTreeMap::new(),
            ledger: Ledger::default(),
            faults: BTreeMap::new(),
            sinks: BTreeMap::new(),
            next_sink: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A provider that leads to this back end: one for each agent.
    pub fn provider(&self) -> SimulatedProvider {
        SimulatedProvider::new(self.clone())
    }

    /// The node that this back end makes: as much of everything as a test may want.
    pub fn node_provider(&self) -> NaiveNodeProvider {
        let resources = [("cpu", "64"), ("memory", "256Gi"), ("pods", "1000")];
        let quantity = |(name, amount): (&str, &str)| (name.to_owned(), Quantity(amount.to_owned()));
        NaiveNodeProvider::new(resources.into_iter().map(quantity).collect())
    }

    /// The next call of this method goes wrong like this; several faults are used up one after the other.
    pub fn fail_next(&self, method: Method, fault: Fault) {
        self.state.lock().faults.entry(method).or_default().push(fault);
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// Every container of the pod ends with this code by itself.
    pub fn exit(&self, uid: &PodUid, exit_code: i32) {
        self.change(uid, |workload| workload.end(exit_code).then_some(Happening::Ended { exit_code }));
    }

    /// The pod vanishes without a trace.
    pub fn lose(&self, uid: &PodUid) {
        let mut state = self.state.lock();
        if state.workloads.remove(uid).is_some() {
            state.write(uid, Happening::Lost);
        }
    }

    /// What it holds of a pod.
    pub fn workload(&self, uid: &PodUid) -> Option<Workload> {
        self.state.lock().workloads.get(uid).cloned()
    }

    /// What it holds under this name, by UID.
    pub fn named(&self, key: &PodKey) -> Vec<(PodUid, Workload)> {
        let state = self.state.lock();
        let named = state.workloads.iter().filter(|(_, workload)| workload.key == *key);
        named.map(|(uid, workload)| (uid.clone(), workload.clone())).collect()
    }

    /// Every pod that it holds.
    pub fn uids(&self) -> Vec<PodUid> {
        self.state.lock().workloads.keys().cloned().collect()
    }

    /// Everything that has happened, in order.
    pub fn ledger(&self) -> Vec<Entry> {
        self.state.lock().ledger.entries.clone()
    }

    /// How often the pod has been started.
    pub fn starts(&self, uid: &PodUid) -> usize {
        let is_start = |entry: &&Entry| entry.uid == *uid && entry.what == Happening::Started;
        self.state.lock().ledger.entries.iter().filter(is_start).count()
    }

    fn next_fault(&self, method: Method) -> Option<Fault> {
        let mut state = self.state.lock();
        let waiting = state.faults.get_mut(&method)?;
        (!waiting.is_empty()).then(|| waiting.remove(0))
    }

    /// Changes a pod; if something happened, it is written down and everybody who watches is told.
    fn change(&self, uid: &PodUid, change: impl FnOnce(&mut Workload) -> Option<Happening>) {
        let (observation, sinks) = {
            let mut state = self.state.lock();
            let Some(workload) = state.workloads.get_mut(uid) else { return };
            let Some(happening) = change(workload) else { return };
            let observation = workload.observe(uid);
            state.write(uid, happening);
            (observation, state.sinks.values().cloned().collect::<Vec<_>>())
        };
        tell(&sinks, &observation);
    }

    fn start(&self, uid: &PodUid, workload: Workload) {
        let (observation, sinks) = {
            let mut state = self.state.lock();
            if state.workloads.contains_key(uid) {
                return;
            }
            let observation = workload.observe(uid);
            state.workloads.insert(uid.clone(), workload);
            state.write(uid, Happening::Started);
            (observation, state.sinks.values().cloned().collect::<Vec<_>>())
        };
        tell(&sinks, &observation);
    }

    fn release(&self, uid: &PodUid) {
        let mut state = self.state.lock();
        if let Some(workload) = state.workloads.remove(uid) {
            state.write(uid, Happening::Released { running: workload.exit_code.is_none() });
        }
    }

    fn subscribe(&self, sink: ObservationSink) -> u64 {
        let mut state = self.state.lock();
        state.next_sink += 1;
        let number = state.next_sink;
        state.sinks.insert(number, sink);
        number
    }

    fn unsubscribe(&self, number: u64) {
        self.state.lock().sinks.remove(&number);
    }

    fn observe(&self, uid: &PodUid) -> Option<PodObservation> {
        self.state.lock().workloads.get(uid).map(|workload| workload.observe(uid))
    }

    fn observe_all(&self) -> Vec<PodObservation> {
        self.state.lock().workloads.iter().map(|(uid, workload)| workload.observe(uid)).collect()
    }
}

impl State {
    fn write(&mut self, uid: &PodUid, what: Happening) {
        let at = self.born.elapsed();
        self.ledger.entries.push(Entry { at, uid: uid.clone(), what });
    }
}

fn tell(sinks: &[ObservationSink], observation: &PodObservation) {
    for sink in sinks {
        sink.observe(observation.clone());
    }
}

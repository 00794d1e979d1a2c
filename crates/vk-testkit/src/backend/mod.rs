//! A back end in memory. What it holds survives the agents that use it, as a real one's would.

mod container;
mod fault;
mod ledger;
mod nature;
mod node;
mod provider;
mod state;
mod workload;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use container::MISSING_IMAGE;
use fault::Twist;
pub use fault::{Fault, Method};
pub use ledger::{Entry, Given, Happening, Life, Run, RunCause, RunEnd};
pub use nature::{Nature, StopStyle};
use node::NodeState;
pub use node::SimulatedNode;
use parking_lot::Mutex;
pub use provider::SimulatedProvider;
use state::State;
use tokio::sync::watch;
use tokio::time::Instant;
use virtual_kubelet::core::resolved::{ResolvedPod, Target};
use virtual_kubelet::core::{
    BackendInstance, ContainerKind, ContainerObservation, ContainerState, PodKey, PodObservation, PodUid, Stage,
    Terminated,
};
use virtual_kubelet::provider::ObservationSink;
pub(crate) use workload::FAILING_IMAGE;
pub use workload::Workload;

/// The back end itself. Clones are the same back end.
#[derive(Clone)]
pub struct Backend {
    born: Instant,
    state: Arc<Mutex<State>>,
    node: Arc<watch::Sender<NodeState>>,
}

impl Default for Backend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend {
    /// An empty back end of the simplest nature.
    pub fn new() -> Self {
        Self { born: Instant::now(), state: Arc::default(), node: Arc::default() }
    }

    /// From now on it is like this. Call it before the first agent asks for a provider.
    pub fn set_nature(&self, nature: Nature) {
        self.state.lock().nature = nature;
    }

    /// What it is like.
    pub fn nature(&self) -> Nature {
        self.state.lock().nature
    }

    /// A provider that leads to this back end: one for each agent.
    pub fn provider(&self) -> SimulatedProvider {
        let nature = self.state.lock().nature;
        SimulatedProvider::new(self.clone(), nature)
    }

    /// The node that this back end makes: as much of everything as a test may want, unless the test says otherwise.
    pub fn node_provider(&self) -> SimulatedNode {
        SimulatedNode(self.node.subscribe())
    }

    /// From now on it has this much of each resource.
    pub fn set_capacity(&self, capacity: &[(&str, &str)]) {
        self.node.send_modify(|node| node.capacity = node::amounts(capacity));
    }

    /// From now on it answers when it is asked whether it is well, or it does not.
    pub fn set_answering(&self, answers: bool) {
        self.node.send_modify(|node| node.answers = answers);
    }

    /// Time since it was made.
    pub fn now(&self) -> Duration {
        self.born.elapsed()
    }

    /// The next call of this method goes wrong like this; several faults are used up one after the other.
    pub fn fail_next(&self, method: Method, fault: Fault) {
        let sinks = {
            let mut state = self.state.lock();
            state.faults.entry(method).or_default().push_back(fault);
            // A subscription that stands breaks now.
            if method == Method::Watch { std::mem::take(&mut state.sinks) } else { Default::default() }
        };
        drop(sinks);
    }

    /// Nothing goes wrong any more, and it is itself again.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.faults.clear();
        state.elsewhere = false;
    }

    /// Another incarnation answers, which knows of nothing that this one was given; or this one again.
    pub fn answer_elsewhere(&self, elsewhere: bool) {
        self.state.lock().elsewhere = elsewhere;
    }

    /// Every regular container of the pod ends with this code by itself.
    pub fn exit(&self, uid: &PodUid, exit_code: i32) {
        self.change(uid, |workload, now| workload.exit(None, exit_code, now));
    }

    /// One of its regular containers does.
    pub fn exit_container(&self, uid: &PodUid, container: usize, exit_code: i32) {
        self.change(uid, |workload, now| workload.exit(Some(container), exit_code, now));
    }

    /// The platform ends the pod.
    pub fn disrupt(&self, uid: &PodUid) {
        self.change(uid, |workload, now| workload.disrupt(now));
    }

    /// The back end cannot reach for so long what runs the pod.
    pub fn lose_contact(&self, uid: &PodUid, time: Duration) {
        self.change(uid, |workload, now| workload.lose_contact(now + time));
    }

    /// The pod vanishes without a trace.
    pub fn lose(&self, uid: &PodUid) {
        self.leave(uid, Happening::Lost);
    }

    /// What it holds of a pod.
    pub fn workload(&self, uid: &PodUid) -> Option<Workload> {
        self.state.lock().place().get(uid).cloned()
    }

    /// What it holds under this name, by UID.
    pub fn named(&self, key: &PodKey) -> Vec<(PodUid, Workload)> {
        let state = self.state.lock();
        let named = state.place().iter().filter(|(_, workload)| workload.key == *key);
        named.map(|(uid, workload)| (uid.clone(), workload.clone())).collect()
    }

    /// Every pod that it holds.
    pub fn uids(&self) -> Vec<PodUid> {
        self.state.lock().place().keys().cloned().collect()
    }

    /// Everything that has happened, in order.
    pub fn ledger(&self) -> Vec<Entry> {
        self.state.lock().entries.clone()
    }

    /// The life of every object that there is or was, in the order in which they were accepted.
    pub fn lives(&self) -> Vec<Life> {
        self.state.lock().lives()
    }

    /// Pods that it has refused for as long as they stay as they are.
    pub fn refused(&self) -> BTreeSet<PodUid> {
        self.state.lock().refused.clone()
    }

    /// Pods that it has refused with a reason that fails them.
    pub fn rejected(&self) -> BTreeSet<PodUid> {
        self.state.lock().rejected.clone()
    }

    /// A method that was called without end in one instant.
    pub fn hot_method(&self) -> Option<Method> {
        self.state.lock().hot
    }

    /// How often the pod has been started.
    pub fn starts(&self, uid: &PodUid) -> usize {
        let is_start = |entry: &&Entry| entry.uid == *uid && entry.what == Happening::Started;
        self.state.lock().entries.iter().filter(is_start).count()
    }

    /// Changes a pod; if something happened, it is written down and everybody who watches is told.
    fn change(&self, uid: &PodUid, change: impl FnOnce(&mut Workload, Duration)) {
        let now = self.now();
        let mut state = self.state.lock();
        let place = state.elsewhere;
        self.change_there(&mut state, place, uid, now, |workload| change(workload, now));
    }

    fn change_there(
        &self,
        state: &mut State,
        elsewhere: bool,
        uid: &PodUid,
        now: Duration,
        change: impl FnOnce(&mut Workload),
    ) {
        let Some(workload) = state.place_mut(elsewhere).get_mut(uid) else { return };
        if workload.change(now, change) {
            let (news, observation) = (workload.take_news(), workload.observe());
            news.into_iter().for_each(|what| state.write(now, uid, what));
            state.tell(elsewhere, &observation);
        }
        self.wake_later(state, elsewhere, uid);
    }

    /// What happens to the pod by itself happens when it is due.
    fn wake_later(&self, state: &State, elsewhere: bool, uid: &PodUid) {
        let due =
            state.places[usize::from(elsewhere)].get(uid).and_then(|known| Some((known.number(), known.next_due()?)));
        let Some((number, due)) = due else { return };
        let (backend, uid) = (self.clone(), uid.clone());
        tokio::spawn(async move {
            tokio::time::sleep_until(backend.born + due).await;
            backend.wake(elsewhere, &uid, number);
        });
    }

    fn wake(&self, elsewhere: bool, uid: &PodUid, number: u64) {
        let now = self.now();
        let mut state = self.state.lock();
        let Some(workload) = state.place_mut(elsewhere).get_mut(uid).filter(|known| known.number() == number) else {
            return;
        };
        if workload.is_forgotten(now) {
            return state.leave(elsewhere, uid, Happening::Forgotten, now);
        }
        if workload.next_due().is_some_and(|due| due <= now) {
            self.change_there(&mut state, elsewhere, uid, now, |_| ());
        }
    }

    fn start(&self, pod: &ResolvedPod, twist: Twist) {
        let now = self.now();
        let mut state = self.state.lock();
        let elsewhere = state.elsewhere;
        if let Some(known) = state.place().get(&pod.uid) {
            if known.is_visible(now) {
                state.write(now, &pod.uid, Happening::CreatedAgain);
            }
            return;
        }
        state.number += 1;
        let workload = Workload::of(pod, state.nature, state.number, elsewhere, now);
        state.place_mut(elsewhere).insert(pod.uid.clone(), workload);
        self.change_there(&mut state, elsewhere, &pod.uid, now, |workload| {
            if let Twist::FailLater(delay) = twist {
                workload.fail_at(now + delay);
            }
        });
    }

    fn leave(&self, uid: &PodUid, why: Happening) {
        let now = self.now();
        let mut state = self.state.lock();
        let elsewhere = state.elsewhere;
        state.leave(elsewhere, uid, why, now);
    }

    fn release(&self, target: &Target) {
        let Some(uid) = self.find(target) else { return };
        let running = self.workload(&uid).is_some_and(|workload| workload.runs());
        self.leave(&uid, Happening::Released { running });
    }

    /// The pod that a caller means, if it is there and can be seen.
    fn find(&self, target: &Target) -> Option<PodUid> {
        let now = self.now();
        let state = self.state.lock();
        let found = if state.nature.by_handle {
            let of_it = |workload: &&Workload| workload.handle().is_some() && workload.handle() == target.handle;
            state.place().iter().find(|(_, workload)| of_it(workload))
        } else {
            state.place().get_key_value(&target.uid)
        };
        found.filter(|(_, workload)| workload.is_visible(now)).map(|(uid, _)| uid.clone())
    }

    fn subscribe(&self, sink: ObservationSink) -> (u64, tokio::sync::oneshot::Receiver<()>) {
        let mut state = self.state.lock();
        state.number += 1;
        let number = state.number;
        let (broken, breaks) = tokio::sync::oneshot::channel();
        state.sinks.insert(number, (sink, broken));
        (number, breaks)
    }

    fn unsubscribe(&self, number: u64) {
        let sink = self.state.lock().sinks.remove(&number);
        drop(sink);
    }

    /// What it says of a pod.
    fn observe(&self, uid: &PodUid, twist: Twist) -> Option<PodObservation> {
        let state = self.state.lock();
        let workload = state.place().get(uid)?;
        Some(match twist {
            Twist::Stale => workload.observe_stale(),
            Twist::WrongPod => {
                let another = state.place().iter().find(|(other, _)| *other != uid);
                another.map_or_else(|| stranger(uid), |(_, other)| other.observe())
            }
            _ => workload.observe(),
        })
    }

    /// What it says of every pod that can be seen.
    fn observe_all(&self, twist: Twist) -> Vec<PodObservation> {
        let now = self.now();
        let state = self.state.lock();
        if state.nature.by_handle {
            return Vec::new();
        }
        let visible = state.place().values().filter(|workload| workload.is_visible(now));
        let mut all: Vec<PodObservation> = match twist {
            Twist::Stale => visible.map(Workload::observe_stale).collect(),
            _ => visible.map(Workload::observe).collect(),
        };
        if twist == Twist::WrongPod {
            all.extend(all.first().map(|first| stranger(&first.uid)));
        }
        all
    }

    fn instance(&self) -> BackendInstance {
        BackendInstance::from(if self.state.lock().elsewhere { "another" } else { "simulated" })
    }
}

/// A pod that nobody knows, and that has failed.
fn stranger(uid: &PodUid) -> PodObservation {
    let ended = ContainerState::Terminated(Terminated::with_exit_code(9));
    let app = ContainerObservation::new("app", ContainerKind::App, ended);
    PodObservation::new(PodUid::from(format!("not-{uid}")), 1, Stage::Stopped).with_containers(vec![app])
}

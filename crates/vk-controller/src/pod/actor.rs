//! The actor that owns every pod's machine. It feeds them and carries out their effects; it decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use vk_core::create_gate::CreateGate;
use vk_core::machine::{BackendPolicy, Call, CallOutcome, Effect, EffectId, Event, PodMachine, Write, WriteOutcome};
use vk_core::poll::Pace;
use vk_core::record::{Deletion, PodSnapshot};
use vk_core::resolve::NodeFacts;
use vk_core::resolved::ResolvedPod;
use vk_core::{BackendEvent, BackendInstance, Error, EventType, Now, PodKey, PodUid};

use super::admission::{Admission, AdmittedPods};
use super::basis::OwnedBasis;
use super::call::{CallReply, CallRequest, Caller, target};
use super::defect::{Quarantine, panic_message};
use super::departed::Departed;
use super::directory::PodEntry;
use super::input::{BackendList, Input, Watched};
use super::mailbox::{Delivery, Mailbox};
use super::orphans::OrphanSearch;
use super::reads::Reads;
use super::tenure::{Standing, Tenure};
use super::timers::Timers;
use super::write::PodWriter;
use crate::env::Env;
use crate::events::Involved;

/// How many calls and writes may be under way at once. Starts, stops, removals, what finds pods again, and what finds those
/// that are to stop have permits of their own: none of them can use up those of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permits {
    pub(super) starts: usize,
    pub(super) stops: usize,
    pub(super) recoveries: usize,
    pub(super) removals: usize,
    pub(super) writes: usize,
}

/// Why nothing is begun, or written, for the moment.
const LEASE_LAPSED: &str = "the node lease has lapsed, and another agent may have the node";

/// A write that is held back is asked for again after this.
const HELD_BACK: Duration = Duration::from_secs(1);

/// The ends of the channels that lead to and from the actor.
pub(super) struct Channels {
    pub(super) input: mpsc::Receiver<Input>,
    pub(super) sender: mpsc::Sender<Input>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) list_wanted: Arc<Notify>,
    pub(super) pace: watch::Sender<Pace>,
}

/// What the actor works with.
pub(super) struct Work {
    pub(super) caller: Caller,
    pub(super) writer: PodWriter,
    pub(super) policy: BackendPolicy,
    pub(super) orphans: OrphanSearch,
    pub(super) admitted: AdmittedPods,
    pub(super) reads: Reads,
    pub(super) permits: Permits,
    pub(super) tenure: Tenure,
}

pub(super) struct Actor {
    env: Env,
    work: Work,
    channels: Channels,
    starts: Arc<Semaphore>,
    stops: Arc<Semaphore>,
    recoveries: Arc<Semaphore>,
    urgent_recoveries: Arc<Semaphore>,
    removals: Arc<Semaphore>,
    writes: Arc<Semaphore>,

    /// Boxed: a third of a map's places are empty.
    pods: BTreeMap<PodUid, Box<Entry>>,
    departed: Departed,
    timers: Timers,
    /// UIDs seen since a full list of the API began.
    listing: Option<BTreeSet<PodUid>>,
    api_synced: bool,
    /// When the newest complete list of the back end was asked for, and by which incarnation it was answered.
    last_list: Option<(Duration, Option<BackendInstance>)>,
    node: watch::Receiver<Arc<NodeFacts>>,
    /// Preparations that wait until pods may be admitted.
    held: Vec<(PodUid, EffectId)>,
    creates: CreateGate,
    in_transition: usize,
    /// Writes that have been begun and have not been heard of since.
    writing: usize,
}

struct Entry {
    machine: PodMachine,
    snapshot: Option<PodSnapshot>,
    prepared: Option<Arc<ResolvedPod>>,
    cancel: Option<(EffectId, CancellationToken)>,
    in_transition: bool,
    /// Calls and writes that have been begun and have not been heard of since.
    under_way: usize,
    quarantine: Quarantine,
    /// The watch, too, has shown that the pod is gone.
    gone_in_watch: bool,
    /// The watch has shown it again since.
    successor: Option<PodSnapshot>,
}

impl Actor {
    pub(super) fn new(env: Env, work: Work, channels: Channels) -> Self {
        Self {
            starts: Arc::new(Semaphore::new(work.permits.starts)),
            stops: Arc::new(Semaphore::new(work.permits.stops)),
            recoveries: Arc::new(Semaphore::new(work.permits.recoveries)),
            urgent_recoveries: Arc::new(Semaphore::new(work.permits.recoveries)),
            removals: Arc::new(Semaphore::new(work.permits.removals)),
            writes: Arc::new(Semaphore::new(work.permits.writes)),
            node: work.caller.contexts.node.clone(),
            env,
            work,
            channels,
            pods: BTreeMap::new(),
            departed: Departed::default(),
            timers: Timers::default(),
            listing: None,
            api_synced: false,
            last_list: None,
            held: Vec::new(),
            creates: CreateGate::default(),
            in_transition: 0,
            writing: 0,
        }
    }

    /// Runs until `shutdown`; then what is still to be written gets `drain` for it. Ends at once when the node is another
    /// agent's. Pods keep running.
    pub(super) async fn run(mut self, shutdown: CancellationToken, drain: Duration) {
        loop {
            let wake = self.timers.next();
            tokio::select! {
                biased;
                () = self.work.tenure.changed() => {
                    if self.look_at_lease() == Some(Standing::Over) {
                        return self.give_up();
                    }
                }
                () = shutdown.cancelled() => break,
                input = self.channels.input.recv() => match input {
                    Some(input) => self.take(input),
                    None => return,
                },
                delivery = self.channels.mailbox.receive() => self.deliver(delivery),
                () = described(&mut self.node) => self.release_held(),
                () = sleep_until(&self.env, wake) => self.tick(),
            }
        }
        self.finish_writes(drain).await;
    }

    /// Statuses that are known are written once more; nothing new is begun at the back end.
    async fn finish_writes(&mut self, drain: Duration) {
        self.begin_nothing_new();
        if let Some(delivery) = self.channels.mailbox.receive().now_or_never() {
            self.deliver(delivery);
        }
        self.step_all(|_| Event::AgentEnds);
        let deadline = self.env.now().mono.saturating_add(drain);
        while self.writing > 0 || self.pods.values().any(|entry| entry.owes_a_write()) {
            let wake = self.timers.next();
            tokio::select! {
                biased;
                () = self.work.tenure.changed() => {
                    if self.look_at_lease() == Some(Standing::Over) {
                        return self.give_up();
                    }
                }
                input = self.channels.input.recv() => match input {
                    Some(input) => self.take(input),
                    None => return,
                },
                () = self.env.sleep_until(deadline) => return,
                () = sleep_until(&self.env, wake) => self.tick(),
            }
        }
    }

    fn begin_nothing_new(&self) {
        let permits = [&self.starts, &self.stops, &self.removals, &self.recoveries, &self.urgent_recoveries];
        permits.into_iter().for_each(|permits| permits.close());
    }

    fn look_at_lease(&mut self) -> Option<Standing> {
        let changed = self.work.tenure.look(self.env.now().mono);
        match changed {
            // What was held back need not sit out a back-off.
            Some(Standing::Ours) => self.step_all(|_| Event::BackendRecovered),
            Some(Standing::Uncertain) => {
                tracing::warn!(
                    "the node lease has lapsed: another agent may have it, and no pod is started until it is renewed"
                );
            }
            Some(Standing::Over) | None => {}
        }
        changed
    }

    /// The pods are another agent's now: nothing more is written about them, and nothing begun that has not been sent yet.
    fn give_up(&self) {
        tracing::warn!("another agent has the node: its pods are left to that one");
        self.begin_nothing_new();
        self.writes.close();
        for (_, cancel) in self.pods.values().filter_map(|entry| entry.cancel.as_ref()) {
            cancel.cancel();
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Watched(watched) => self.watched(watched),
            Input::Listed(list) => self.listed(list),
            Input::Called { uid, id, outcome, prepared } => self.called(&uid, id, *outcome, prepared),
            Input::CreateRefused { uid, id, refusal } => {
                self.heard_of(&uid);
                self.step(&uid, Event::Called { id, outcome: CallOutcome::Created(Err(refusal)) });
            }
            Input::Written { uid, id, outcome } => {
                self.writing -= 1;
                self.heard_of(&uid);
                self.step(&uid, Event::Written { id, outcome: *outcome });
            }
            Input::OrphansChecked(answer) => self.orphans_checked(answer),
            Input::BackendRecovered => self.step_all(|_| Event::BackendRecovered),
            // Whoever asked may have gone away meanwhile.
            Input::Find { key, reply } => drop(reply.send(self.synced().map(|()| self.find(&key)))),
            Input::All { reply } => drop(reply.send(self.synced().map(|()| self.all()))),
        }
        self.publish_pace();
    }

    fn watched(&mut self, watched: Watched) {
        match watched {
            Watched::ListBegins => self.work.tenure.lists_anew(),
            _ => self.work.tenure.heard(self.env.now().mono),
        }
        match watched {
            Watched::ListBegins => {
                self.listing = Some(BTreeSet::new());
                // The list comes after all of them. Whatever goes while it is read is shown to go by the watch.
                self.departed.clear();
            }
            Watched::Applied(snapshot) => {
                if let Some(listing) = &mut self.listing {
                    listing.insert(snapshot.uid.clone());
                }
                self.applied(snapshot);
            }
            Watched::Unreadable(uid) => {
                // It is not gone: what runs of it runs on.
                if let Some(listing) = &mut self.listing {
                    listing.insert(uid);
                }
            }
            Watched::Deleted { uid, deletion } => self.gone_in_watch(&uid, deletion),
            Watched::ListEnds => {
                let seen = self.listing.take().unwrap_or_default();
                let gone: Vec<PodUid> = self.pods.keys().filter(|uid| !seen.contains(*uid)).cloned().collect();
                gone.iter().for_each(|uid| self.gone_in_watch(uid, None));
                self.api_synced = true;
                self.release_held();
                self.channels.list_wanted.notify_one();
            }
        }
    }

    fn gone_in_watch(&mut self, uid: &PodUid, deletion: Option<Deletion>) {
        self.departed.remove(uid);
        if let Some(entry) = self.pods.get_mut(uid) {
            entry.gone_in_watch = true;
            entry.successor = None;
        }
        self.step(uid, Event::Gone { deletion });
    }

    fn applied(&mut self, snapshot: PodSnapshot) {
        let uid = snapshot.uid.clone();
        if self.departed.contains(&uid) {
            return;
        }
        let facts = snapshot.facts.clone();
        if let Some(entry) = self.pods.get_mut(&uid) {
            if entry.gone_in_watch {
                // Its store was restored from a backup: once what was left of it is released, it is begun anew.
                entry.successor = Some(snapshot);
                return;
            }
            entry.snapshot = Some(snapshot);
            return self.step(&uid, Event::Api(facts));
        }
        self.adopt(&uid, Some(snapshot), |machine, now| machine.begin(facts, now));
        if let Some((asked_at, instance)) = self.last_list.clone() {
            let found = self.work.orphans.claim(&uid);
            self.step(&uid, Event::Listed { found, instance, asked_at });
        }
    }

    fn adopt(
        &mut self,
        uid: &PodUid,
        snapshot: Option<PodSnapshot>,
        begin: impl FnOnce(&mut PodMachine, Now) -> Vec<Effect>,
    ) {
        let machine = PodMachine::unseen(uid.clone(), self.work.policy, self.env.now());
        let entry = Entry {
            machine,
            // An orphan is not there, as far as the watch has shown.
            gone_in_watch: snapshot.is_none(),
            snapshot,
            successor: None,
            prepared: None,
            cancel: None,
            in_transition: false,
            under_way: 0,
            quarantine: Quarantine::default(),
        };
        self.pods.insert(uid.clone(), Box::new(entry));
        self.decide(uid, begin);
    }

    fn listed(&mut self, list: BackendList) {
        let BackendList { asked_at, instance, mut pods } = list;
        let known = &self.pods;
        let now = self.env.now().mono;
        self.work.orphans.listed(pods.values(), |uid| known.contains_key(uid), now);
        self.last_list = Some((asked_at, instance.clone()));
        for entry in self.pods.values().filter(|entry| pods.contains_key(entry.machine.uid())) {
            self.work.admitted.found(&entry.machine);
        }
        self.step_all(|uid| Event::Listed { found: pods.remove(uid), instance: instance.clone(), asked_at });
        self.look_for_orphans();
    }

    fn deliver(&mut self, delivery: Delivery) {
        for (uid, observation) in delivery.observations {
            self.step(&uid, Event::Observed(observation));
        }
        if delivery.list_wanted {
            self.channels.list_wanted.notify_one();
        }
        self.publish_pace();
    }

    fn tick(&mut self) {
        let now = self.env.now().mono;
        for uid in self.timers.take_due(now) {
            self.step(&uid, Event::Tick);
        }
        self.publish_pace();
    }

    fn called(&mut self, uid: &PodUid, id: EffectId, outcome: CallOutcome, prepared: Option<Arc<ResolvedPod>>) {
        if let CallOutcome::Created(result) = &outcome {
            self.creates.ended(uid, result.as_ref().err(), self.env.now().mono, self.env.random().next_u64());
        }
        self.heard_of(uid);
        if let Some(entry) = self.pods.get_mut(uid) {
            entry.prepared = prepared;
            self.step(uid, Event::Called { id, outcome });
        }
    }

    fn heard_of(&mut self, uid: &PodUid) {
        if let Some(entry) = self.pods.get_mut(uid) {
            entry.under_way = entry.under_way.saturating_sub(1);
        }
    }

    fn step_all(&mut self, mut event: impl FnMut(&PodUid) -> Event) {
        let uids: Vec<PodUid> = self.pods.keys().cloned().collect();
        for uid in uids {
            let event = event(&uid);
            self.step(&uid, event);
        }
    }

    fn step(&mut self, uid: &PodUid, event: Event) {
        let Some(entry) = self.pods.get(uid) else { return };
        if entry.quarantine.is_active() {
            // The event is not missed: the pod is begun anew from what there is by then.
            return self.begin_anew(uid);
        }
        self.decide(uid, |machine, now| machine.step(event, now));
    }

    /// Lets the pod's machine decide, and carries out what it asks for. A panic in that is a defect of ours, which concerns
    /// this pod and nobody else.
    fn decide(&mut self, uid: &PodUid, decide: impl FnOnce(&mut PodMachine, Now) -> Vec<Effect>) {
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let Some(entry) = self.pods.get_mut(uid) else { return };
            let effects = decide(&mut entry.machine, self.env.now());
            self.carry_out(uid, effects);
        }));
        if let Err(panic) = decided {
            self.set_aside(uid, &panic_message(&*panic));
        }
    }

    fn set_aside(&mut self, uid: &PodUid, panic: &str) {
        let Some(entry) = self.pods.get_mut(uid) else { return };
        let until = entry.quarantine.begin(self.env.now().mono, self.env.random().next_u64());
        self.timers.set(uid, Some(until));
        self.held.retain(|(held, _)| held != uid);
        tracing::error!(%uid, panic, "a defect in the decisions about this pod: it is left as it is for a while");
        let message = format!("the agent could not decide about this pod, and begins anew with it soon: {panic}");
        let reason = "InternalError".to_owned();
        self.record(uid, BackendEvent { kind: EventType::Warning, reason, message, container: None });
    }

    /// Begins anew with a pod that was set aside, as after a restart of the agent.
    fn begin_anew(&mut self, uid: &PodUid) {
        let now = self.env.now();
        let Some(entry) = self.pods.get_mut(uid) else { return };
        if !entry.quarantine.is_over(now.mono) || entry.under_way > 0 {
            return;
        }
        entry.quarantine.end();
        // The next list finds an orphan again.
        let Some(snapshot) = &entry.snapshot else { return self.forget(uid) };
        let (facts, gone) = (snapshot.facts.clone(), entry.gone_in_watch);
        entry.machine = PodMachine::unseen(uid.clone(), self.work.policy, now);
        self.decide(uid, |machine, now| machine.begin(facts, now));
        if gone {
            self.step(uid, Event::Gone { deletion: None });
        }
        self.channels.list_wanted.notify_one();
    }

    fn carry_out(&mut self, uid: &PodUid, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { id, call } => self.call(uid, id, call),
                Effect::Cancel { id } => self.cancel(uid, id),
                Effect::Write { id, write } => self.write(uid, id, write),
                Effect::Record(event) => self.record(uid, event),
                Effect::Forget => return self.forget(uid),
            }
        }
        let Some(entry) = self.pods.get_mut(uid) else { return };
        self.work.admitted.note(&entry.machine);
        self.timers.set(uid, entry.machine.wake_at(self.env.now()));
        let in_transition = entry.machine.in_transition();
        self.in_transition = self.in_transition + usize::from(in_transition) - usize::from(entry.in_transition);
        entry.in_transition = in_transition;
    }

    /// What runs already counts first, and what the node has is known.
    fn may_admit(&self) -> bool {
        self.api_synced && self.work.caller.contexts.node.borrow().settled
    }

    fn release_held(&mut self) {
        if self.may_admit() {
            for (uid, id) in std::mem::take(&mut self.held) {
                self.begin_call(&uid, id, Call::Prepare);
            }
        }
    }

    fn call(&mut self, uid: &PodUid, id: EffectId, call: Call) {
        if call == Call::Prepare && !self.may_admit() {
            return self.held.push((uid.clone(), id));
        }
        self.begin_call(uid, id, call);
    }

    fn begin_call(&mut self, uid: &PodUid, id: EffectId, call: Call) {
        let now = self.env.now().mono;
        if call == Call::Create
            && let Err(refusal) = self.creates.enter(uid, now)
        {
            return self.refuse_create(uid, id, refusal);
        }
        let Some(entry) = self.pods.get_mut(uid) else { return };
        let admission = match call {
            Call::Prepare => self.work.admitted.ask(&entry.machine, &self.work.caller.contexts.node.borrow()),
            _ => Admission::Over,
        };
        let cancel = CancellationToken::new();
        entry.cancel = Some((id, cancel.clone()));
        let request = CallRequest {
            call,
            target: target(uid, entry.snapshot.as_ref(), entry.machine.handle()),
            pod: entry.snapshot.clone(),
            admission,
            prepared: entry.prepared.take(),
            instance: entry.machine.offered_to().cloned(),
            cancel: cancel.clone(),
        };
        let waiting = cancel;
        let is_urgent = entry.machine.is_urgent(id);
        let permits = match call {
            Call::Terminate { .. } => self.stops.clone(),
            Call::Remove => self.removals.clone(),
            Call::Lookup if is_urgent => self.urgent_recoveries.clone(),
            Call::Adopt | Call::Lookup => self.recoveries.clone(),
            Call::Prepare | Call::Create | Call::Update(_) => self.starts.clone(),
        };
        // Lookups are paid out of the same budget as lists; what is urgent is paid for, and does not wait until it can be.
        let affordable = if call == Call::Lookup { self.work.reads.book_lookup(now) } else { now };
        let not_before = if is_urgent { now } else { affordable };
        let env = self.env.clone();
        let turn = async move {
            if not_before > now {
                env.sleep_until(not_before).await;
            }
            permits.acquire_owned().await
        };
        let (caller, actor, uid) = (self.work.caller.clone(), self.channels.sender.clone(), uid.clone());
        let (lease, reads) = (self.work.tenure.view(), self.work.reads.clone());
        entry.under_way += 1;
        self.env.spawn("provider call", async move {
            let reply = tokio::select! {
                biased;
                // A deletion does not wait until its pod could have been created, or looked up.
                () = waiting.cancelled() => {
                    if call == Call::Lookup {
                        reads.return_lookup();
                    }
                    CallReply::failed(request, Error::cancelled())
                }
                permit = turn => match permit {
                    Ok(_permit) if starts(call) && lease.standing() != Standing::Ours => {
                        CallReply::failed(request, Error::unavailable(LEASE_LAPSED))
                    }
                    Ok(_permit) => caller.carry_out(request).await,
                    // Closed: the agent ends, and nothing new is begun.
                    Err(_) => return,
                },
            };
            let called = Input::Called { uid, id, outcome: Box::new(reply.outcome), prepared: reply.prepared };
            // Without an actor there is nobody left to tell.
            let _ended = actor.send(called).await;
        });
    }

    /// The back end's refusal of another pod holds for this one too.
    fn refuse_create(&mut self, uid: &PodUid, id: EffectId, refusal: Error) {
        let Some(entry) = self.pods.get_mut(uid) else { return };
        entry.under_way += 1;
        let (actor, uid) = (self.channels.sender.clone(), uid.clone());
        self.env.spawn("refused create", async move {
            // Without an actor there is nobody left to tell.
            let _ended = actor.send(Input::CreateRefused { uid, id, refusal }).await;
        });
    }

    fn cancel(&mut self, uid: &PodUid, id: EffectId) {
        if let Some(at) = self.held.iter().position(|(held, held_id)| held == uid && *held_id == id) {
            self.held.swap_remove(at);
            self.begin_call(uid, id, Call::Prepare);
        }
        let under_way = self.pods.get(uid).and_then(|entry| entry.cancel.as_ref());
        if let Some((_, token)) = under_way.filter(|(under_way, _)| *under_way == id) {
            token.cancel();
        }
    }

    fn write(&mut self, uid: &PodUid, id: EffectId, write: Write) {
        let may_write = self.work.tenure.may_write(self.env.now().mono);
        let Some(entry) = self.pods.get_mut(uid) else { return };
        let Some(pod) = entry.snapshot.clone() else { return };
        let node_ips = self.work.caller.contexts.node.borrow().host_ips.clone();
        let basis = OwnedBasis::of(&entry.machine, node_ips, self.env.now().wall);
        entry.under_way += 1;
        let (writer, permits) = (self.work.writer.clone(), self.writes.clone());
        let (actor, uid) = (self.channels.sender.clone(), uid.clone());
        self.writing += 1;
        self.env.spawn("pod write", async move {
            let Ok(_permit) = permits.acquire_owned().await else { return };
            let outcome = if may_write { writer.carry_out(write, &pod, basis).await } else { held_back() };
            tracing::debug!(pod = %pod.key, ?write, ?outcome, "wrote");
            // Without an actor there is nobody left to tell.
            let _ended = actor.send(Input::Written { uid, id, outcome: Box::new(outcome) }).await;
        });
    }

    fn record(&self, uid: &PodUid, event: BackendEvent) {
        let snapshot = self.pods.get(uid).and_then(|entry| entry.snapshot.as_ref());
        if let Some(pod) = snapshot {
            self.work.caller.contexts.recorder.record(&Involved::pod(&pod.key, &pod.uid), event);
        }
    }

    fn forget(&mut self, uid: &PodUid) {
        self.timers.set(uid, None);
        self.work.admitted.forget(uid);
        if let Some(entry) = self.pods.remove(uid) {
            self.in_transition -= usize::from(entry.in_transition);
            match entry.successor {
                Some(snapshot) => self.applied(snapshot),
                None if entry.gone_in_watch => {}
                None => self.departed.insert(uid.clone()),
            }
        }
    }

    fn look_for_orphans(&mut self) {
        if !self.api_synced || !self.work.orphans.begin_proof(self.env.now().mono) {
            return;
        }
        let (writer, actor) = (self.work.writer.clone(), self.channels.sender.clone());
        self.env.spawn("orphan check", async move {
            let answer = writer.uids_on_our_node().await;
            // Without an actor there is nobody left to tell.
            let _ended = actor.send(Input::OrphansChecked(answer)).await;
        });
    }

    fn orphans_checked(&mut self, answer: Result<Vec<PodUid>, String>) {
        for observation in self.work.orphans.answered(answer, self.env.now().mono) {
            let uid = observation.uid.clone();
            self.adopt(&uid, None, |machine, now| machine.begin_as_orphan(observation, now));
        }
    }

    /// Before the first full list nothing can be said about any pod.
    fn synced(&self) -> Result<(), Error> {
        if self.api_synced { Ok(()) } else { Err(Error::unavailable("the pods of this node have not been listed yet")) }
    }

    fn find(&self, key: &PodKey) -> Option<PodEntry> {
        let in_api = |entry: &&Entry| matches!(entry.machine.api(), vk_core::machine::ApiSide::Present(_));
        let named = |entry: &&Entry| entry.snapshot.as_ref().is_some_and(|snapshot| snapshot.key == *key);
        let mut named = self.pods.values().map(Box::as_ref).filter(named).peekable();
        let newest = named.clone().find(in_api).or_else(|| named.next());
        newest.and_then(Entry::describe)
    }

    fn all(&self) -> Vec<PodEntry> {
        self.pods.values().filter_map(|entry| entry.describe()).collect()
    }

    fn publish_pace(&self) {
        let pace = if self.in_transition > 0 { Pace::Transition } else { Pace::Steady };
        self.channels.pace.send_if_modified(|published| std::mem::replace(published, pace) != pace);
    }
}

impl Entry {
    fn owes_a_write(&self) -> bool {
        !self.quarantine.is_active() && self.machine.owes_a_write()
    }

    fn describe(&self) -> Option<PodEntry> {
        let observation = self.machine.status_basis().observation.cloned();
        Some(PodEntry::new(self.snapshot.clone()?, observation, self.machine.handle().cloned()))
    }
}

/// Whether the call brings something into being that another agent may bring into being as well.
fn starts(call: Call) -> bool {
    matches!(call, Call::Prepare | Call::Create)
}

fn held_back() -> WriteOutcome {
    WriteOutcome::Failed { message: LEASE_LAPSED.to_owned(), retry_after: Some(HELD_BACK) }
}

/// Comes when more is known of the node; never again once nobody describes it.
async fn described(node: &mut watch::Receiver<Arc<NodeFacts>>) {
    if node.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn sleep_until(env: &Env, at: Option<Duration>) {
    match at {
        Some(at) => env.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

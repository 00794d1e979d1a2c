//! Everything that is known about one pod.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::effect::{Call, Effect, EffectId, Write};
use super::event::Event;
use super::lane::Lane;
use super::policy::BackendPolicy;
use crate::identity::{BackendInstance, Handle, PodUid};
use crate::observation::{ContainerState, PodObservation, Stage};
use crate::record::{HANDLE_ANNOTATION, INSTANCE_ANNOTATION, PodFacts};
use crate::status::{EndCause, Phase, ToldRuns, Verdict};
use crate::time::Now;

/// The pod in the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ApiSide {
    /// The newest version seen.
    Present(Arc<PodFacts>),
    /// This UID is not there any more; the last version seen, if there was one.
    Gone(Option<Arc<PodFacts>>),
}

/// The pod in the back end. Unknown is not absent (invariant 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BackendView {
    /// Not asked yet; the first list will tell.
    Unlisted,
    /// A lookup has to tell.
    Unknown,
    /// Another incarnation of the back end says "absent", which proves nothing about ours.
    OtherInstance {
        /// That other one.
        instance: BackendInstance,
        /// Since when none but others have answered, on the monotonic clock.
        since: Duration,
    },
    /// Proved absent.
    Absent,
    /// Observed.
    Present(Box<PodObservation>),
}

/// The order to stop, once given never taken back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Stop {
    pub(super) cause: EndCause,
    /// When it was given first.
    pub(super) ordered_at: Duration,
    /// When the stop is enforced; only ever comes nearer.
    pub(super) deadline: Duration,
    /// The deadline that the back end was last told.
    pub(super) told: Option<Duration>,
    /// The back end did not take the pod's context either: it is told to stop without.
    pub(super) adoption_failed: bool,
    /// The first lookup since the order that had to tell whether there is anything to stop.
    pub(super) sought_by: Option<EffectId>,
    /// The back end has taken the order: it restarts nothing of the pod any more. Until then it may, though a call with the
    /// order is under way.
    pub(super) accepted: bool,
}

/// Whether the pod may be created, by support table, references and admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Preparation {
    Needed,
    /// It may, with what it referred to at that moment of the monotonic clock.
    Done {
        since: Duration,
    },
    /// Refused for as long as the pod stays as it is.
    Refused,
}

/// How far the API's status is behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct StatusProgress {
    /// Something changed since the last write began.
    pub(super) dirty: bool,
    /// The phase that our last write, or comparison, left in the API.
    pub(super) acknowledged: Option<Phase>,
    /// The version that our last write made: its echo is no news.
    pub(super) written_version: Option<String>,
    /// Until then the next write waits for that echo, since it would be computed from an old version.
    pub(super) echo_until: Option<Duration>,
    /// Until then a write that would change nothing but messages for people waits.
    pub(super) reword_from: Duration,
    /// Whether the write under way may change nothing but messages.
    pub(super) may_reword: bool,
    /// What is unwritten is known to be nothing but messages.
    pub(super) only_words: bool,
    /// The runs that our last write, or comparison, told of.
    pub(super) told: ToldRuns,
    /// Those that the write under way tells of.
    pub(super) telling: ToldRuns,
    /// The API server refuses what was last to be written, and will hardly take the same again.
    pub(super) refused: bool,
    /// What is to be written now is not what the last write wrote.
    pub(super) news: bool,
    /// The API server may have refused the back end's annotations: it is told without them.
    pub(super) bare: bool,
}

impl StatusProgress {
    /// Something changed, and it is not known yet whether that matters.
    pub(super) fn changed(&mut self) {
        self.dirty = true;
        self.only_words = false;
        self.news = true;
    }

    /// The API says what was to be written.
    pub(super) fn acknowledge(&mut self, phase: Phase) {
        self.acknowledged = Some(phase);
        self.told = std::mem::take(&mut self.telling);
    }
}

/// The agent's own end, as far as this pod's status goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Farewell {
    /// The agent runs.
    #[default]
    NotYet,
    /// What is known is still to be written.
    Owed,
    /// That write is under way.
    UnderWay,
    /// It was tried.
    Tried,
}

/// One pod's state machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodMachine {
    pub(super) uid: PodUid,
    pub(super) policy: BackendPolicy,
    pub(super) first_seen: Duration,
    pub(super) next_id: u64,

    pub(super) api: ApiSide,
    pub(super) backend: BackendView,
    /// When the back end last took or may have taken the pod; lists asked for earlier do not speak of it.
    pub(super) handed_over: Option<Duration>,
    /// When the newest create began.
    pub(super) create_begun: Option<Duration>,
    /// It has been observed, or accepted, since this agent started.
    pub(super) seen_running: bool,
    /// An earlier process recorded that it was about to create the pod.
    pub(super) inherited_intent: bool,
    /// Whether the back end has the pod's context: from a create or an adopt of this process.
    pub(super) connected: bool,
    pub(super) preparation: Preparation,
    /// What the back end was last given, or may have been by a create under way.
    pub(super) given: Option<Arc<PodFacts>>,
    /// It was given by an earlier process, and has changed since in ways that nobody knows: the back end has not answered yet.
    pub(super) given_is_uncertain: bool,
    /// What the call under way, or the preparation of the next create, gives it.
    pub(super) offered: Option<Arc<PodFacts>>,
    /// Whether the newest resize has to wait, once this process has been told.
    pub(super) resize_deferred: Option<bool>,
    /// When the newest lookup was asked for: what happened later it does not speak of.
    pub(super) lookup_begun: Duration,
    /// A list that does not name every pod did not name this one: a lookup has to tell.
    pub(super) doubted: bool,
    pub(super) handle: Option<Handle>,
    /// Which incarnation of the back end has the pod.
    pub(super) instance: Option<BackendInstance>,
    /// Which incarnation a create was meant for of which nobody knows yet whether it took effect.
    pub(super) offered_to: Option<BackendInstance>,
    /// Which incarnation has answered last.
    pub(super) answered_by: Option<BackendInstance>,

    /// When it was proved lost, while it waits to be created again.
    pub(super) lost_at: Option<Duration>,

    pub(super) stop: Option<Stop>,
    pub(super) end: Option<EndCause>,
    /// When the end was seen, on the monotonic clock.
    pub(super) ended_at: Option<Duration>,
    /// The observation that says most about the end: its exit codes are told even if the back end forgets them first.
    pub(super) last_words: Option<Box<PodObservation>>,
    /// Why nothing runs yet.
    pub(super) waiting: Option<(String, String)>,
    /// When its first status was written that says why it waits: from then on `activeDeadlineSeconds` counts.
    pub(super) waiting_since: Option<Timestamp>,
    /// `status.startTime`, from when the pod was handed over; where the back end does not forget, from its first status.
    pub(super) start_time: Option<Timestamp>,

    pub(super) status: StatusProgress,
    /// The answer of the API server that suggests that this UID is gone.
    pub(super) suspicion: Option<String>,
    pub(super) delete_sent: bool,
    pub(super) farewell: Farewell,

    pub(super) calls: Lane<Call>,
    pub(super) writes: Lane<Write>,
    pub(super) cancelled: Option<EffectId>,
}

/// What the status of the pod is to be computed from, beside the pod itself.
#[derive(Debug, Clone)]
pub struct StatusBasis<'a> {
    /// The conclusion.
    pub verdict: Verdict,
    /// The newest observation.
    pub observation: Option<&'a PodObservation>,
    /// To be written if the pod has none.
    pub start_time: Option<Timestamp>,
    /// To be written along.
    pub annotations: BTreeMap<String, String>,
    /// Whether a patch that changes nothing but messages for people may be written now.
    pub may_reword: bool,
    /// Which runs have been told.
    pub told: &'a ToldRuns,
    /// Whether a resize that has not been made has to wait.
    pub resize_deferred: Option<bool>,
    /// The newest generation that the back end has answered for, while it has not for the pod's own: no newer one may be told
    /// as observed, or a process that comes after this one would not know that something is still to be carried over.
    pub answered_generation: Option<i64>,
}

impl PodMachine {
    /// A machine for a pod that the API server shows.
    pub fn new(uid: PodUid, facts: Arc<PodFacts>, policy: BackendPolicy, now: Now) -> (Self, Vec<Effect>) {
        let mut machine = Self::unseen(uid, policy, now);
        let effects = machine.begin(facts, now);
        (machine, effects)
    }

    /// The first step of a machine that is [`Self::unseen`].
    pub fn begin(&mut self, facts: Arc<PodFacts>, now: Now) -> Vec<Effect> {
        self.absorb_first_facts(facts, now);
        self.step(Event::Tick, now)
    }

    /// A machine for a pod that only the back end holds, proved absent from the API: it is stopped and removed.
    pub fn orphan(observation: PodObservation, policy: BackendPolicy, now: Now) -> (Self, Vec<Effect>) {
        let mut machine = Self::unseen(observation.uid.clone(), policy, now);
        let effects = machine.begin_as_orphan(observation, now);
        (machine, effects)
    }

    /// The first step of a machine that is [`Self::unseen`], for a pod that only the back end holds.
    pub fn begin_as_orphan(&mut self, observation: PodObservation, now: Now) -> Vec<Effect> {
        self.handle.clone_from(&observation.handle);
        self.backend = BackendView::Present(Box::new(observation));
        self.step(Event::Gone { deletion: None }, now)
    }

    /// A machine that has been told nothing yet, and does nothing.
    pub fn unseen(uid: PodUid, policy: BackendPolicy, now: Now) -> Self {
        Self {
            uid,
            policy,
            first_seen: now.mono,
            next_id: 0,
            api: ApiSide::Gone(None),
            backend: if policy.lists_all { BackendView::Unlisted } else { BackendView::Unknown },
            handed_over: None,
            create_begun: None,
            seen_running: false,
            inherited_intent: false,
            connected: false,
            preparation: Preparation::Needed,
            given: None,
            given_is_uncertain: false,
            offered: None,
            resize_deferred: None,
            lookup_begun: Duration::ZERO,
            doubted: false,
            handle: None,
            instance: None,
            offered_to: None,
            answered_by: None,
            lost_at: None,
            stop: None,
            end: None,
            ended_at: None,
            last_words: None,
            waiting: None,
            waiting_since: None,
            start_time: None,
            status: StatusProgress::default(),
            suspicion: None,
            delete_sent: false,
            farewell: Farewell::default(),
            calls: Lane::default(),
            writes: Lane::default(),
            cancelled: None,
        }
    }

    /// Takes one event in and says what to do now.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        let before = (self.stop.is_some(), self.end.is_some());
        self.absorb(event, now, &mut effects);
        self.conclude(now);
        self.reconsider_refusal(before != (self.stop.is_some(), self.end.is_some()), now);
        self.take_call(now, &mut effects);
        self.take_write(now, &mut effects);
        if self.is_over() {
            effects.push(Effect::Forget);
        }
        effects
    }

    /// The pod's UID.
    pub fn uid(&self) -> &PodUid {
        &self.uid
    }

    /// The pod in the API.
    pub fn api(&self) -> &ApiSide {
        &self.api
    }

    /// The pod in the back end.
    pub fn backend(&self) -> &BackendView {
        &self.backend
    }

    /// Which incarnation of the back end the create under way is meant for.
    pub fn offered_to(&self) -> Option<&BackendInstance> {
        self.offered_to.as_ref()
    }

    /// Whether the pod's stop waits for this call, which is then not to wait behind those of other pods: the first lookup
    /// since the order. Further ones are paid for like all others.
    pub fn is_urgent(&self, id: EffectId) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.sought_by == Some(id))
    }

    /// What the back end wants to be given back.
    pub fn handle(&self) -> Option<&Handle> {
        self.handle.as_ref()
    }

    /// Whether the back end is expected to change soon: polling is quick while some pod is in transition.
    pub fn in_transition(&self) -> bool {
        let awaited = match &self.backend {
            BackendView::Present(observation) => {
                !self.has_settled(observation) && (self.stop.is_some() || !is_steady(observation))
            }
            BackendView::Absent => self.wants_to_run(),
            BackendView::Unlisted | BackendView::Unknown | BackendView::OtherInstance { .. } => true,
        };
        // A lookup of a pod that is steady may wait for its turn: that alone is no reason to read more.
        awaited || self.calls.in_flight().is_some_and(|(_, call)| call != Call::Lookup)
    }

    /// The observation that the status is computed from.
    pub(super) fn told_observation(&self) -> Option<&PodObservation> {
        match (&self.last_words, &self.backend) {
            (Some(last_words), _) => Some(&**last_words),
            (None, BackendView::Present(observation)) => Some(&**observation),
            (None, _) => None,
        }
    }

    /// What the status is to be computed from; read by the shell when it carries out [`Write::Status`].
    pub fn status_basis(&self) -> StatusBasis<'_> {
        let observation = self.told_observation();
        StatusBasis {
            verdict: self.verdict(),
            observation,
            start_time: self.start_time,
            annotations: self.annotations(observation),
            may_reword: self.status.may_reword,
            told: &self.status.told,
            resize_deferred: self.resize_deferred,
            answered_generation: self.answered_generation(),
        }
    }

    /// Whether the agent, which is ending, still has something to write about this pod.
    pub fn owes_a_write(&self) -> bool {
        let owed = self.farewell == Farewell::Owed && matches!(self.wanted_write(), Some((Write::Status, _)));
        owed || self.writes.in_flight().is_some()
    }

    fn verdict(&self) -> Verdict {
        let waiting = || {
            let creating = || ("ContainerCreating".to_owned(), String::new());
            self.waiting.clone().unwrap_or_else(creating)
        };
        match (&self.end, &self.backend) {
            (Some(cause), _) => Verdict::Ended(cause.clone()),
            (None, BackendView::Present(_)) => Verdict::Observed,
            (None, _) => {
                let (reason, message) = waiting();
                match self.lost_at {
                    Some(_) => Verdict::Recreating { reason, message },
                    None => Verdict::Waiting { reason, message },
                }
            }
        }
    }

    fn annotations(&self, observation: Option<&PodObservation>) -> BTreeMap<String, String> {
        let of_backend = observation.filter(|_| !self.status.bare).map(|observation| observation.annotations.clone());
        let mut annotations = of_backend.unwrap_or_default();
        if let Some(handle) = &self.handle {
            annotations.insert(HANDLE_ANNOTATION.to_owned(), STANDARD.encode(handle.as_bytes()));
        }
        if let Some(instance) = self.instance.as_ref().or_else(|| self.uncertain_instance()) {
            annotations.insert(INSTANCE_ANNOTATION.to_owned(), instance.as_str().to_owned());
        }
        annotations
    }

    pub(super) fn facts(&self) -> Option<&Arc<PodFacts>> {
        match &self.api {
            ApiSide::Present(facts) => Some(facts),
            ApiSide::Gone(facts) => facts.as_ref(),
        }
    }

    /// The pod as the API has it now; `None` once it is gone.
    pub(super) fn in_api(&self) -> Option<&Arc<PodFacts>> {
        match &self.api {
            ApiSide::Present(facts) => Some(facts),
            ApiSide::Gone(_) => None,
        }
    }

    /// Gone on both sides, and nothing under way.
    fn is_over(&self) -> bool {
        let is_released = match self.backend {
            BackendView::Absent => true,
            // Once its own incarnation is back, a list finds it again, as an orphan. Where nothing is listed, nobody would.
            BackendView::OtherInstance { .. } => self.policy.lists_all,
            BackendView::Unlisted | BackendView::Unknown | BackendView::Present(_) => false,
        };
        is_released
            && matches!(self.api, ApiSide::Gone(_))
            && self.calls.in_flight().is_none()
            && self.writes.in_flight().is_none()
    }

    pub(super) fn new_id(&mut self) -> EffectId {
        self.next_id += 1;
        EffectId(self.next_id)
    }

    /// Differs from pod to pod: spreads back-offs.
    pub(super) fn salt(&self) -> u64 {
        crate::record::fingerprint_of(self.uid.as_str().as_bytes())
    }
}

/// Whether every container is where it may stay for long.
fn is_steady(observation: &PodObservation) -> bool {
    let stays =
        |state: &ContainerState| matches!(state, ContainerState::Running { .. } | ContainerState::Terminated(_));
    observation.stage == Stage::Active
        && !observation.containers.is_empty()
        && observation.containers.iter().all(|container| stays(&container.state))
}

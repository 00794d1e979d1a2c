//! [`PodMachine`]: everything that is decided about one pod, without IO and without a clock.
//!
//! `step(event, now)` folds the event into the state and then looks at the whole of it: what should be, what is, and what is
//! under way already. The shell carries out the effects and reports how they ended. Timers are data ([`PodMachine::wakeup`]),
//! and the state can be compared, hashed and written down, so that interleavings and crashes can be tried exhaustively.
//!
//! What it does is the kubelet's: one sandbox, init containers in order, sidecars among them, app containers beside each
//! other; probes and hooks; restarts by policy with a growing delay; a stop in the order apps, sidecars backwards, sandbox.

mod completion;
mod container;
mod delay;
mod effect;
mod event;
mod fate;
mod hook;
mod observe;
mod probe;
mod remove;
mod run;
mod sandbox;
mod snapshot;
mod start;
mod stop;
mod wake;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vk_core::{BackendEvent, Now};

pub use effect::{Call, Effect, EffectId};
pub use event::{CreateFailure, Event, Mark, Outcome, ProbeAnswer, Pulled, Stand, VolumeState};
pub use observe::Observed;

use self::container::ContainerRecord;
use self::sandbox::SandboxRecord;
use crate::plan::{Evidence, PodPlan};
use crate::runtime::PodIdentity;

/// A machine that panicked does nothing for so long.
const AFTER_A_PANIC: Duration = Duration::from_secs(10);

/// The state of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodMachine {
    pod: PodIdentity,
    /// What container ids begin with in the API, as in `docker`.
    scheme: Arc<str>,
    /// `None` while the pod is only known from the runtime: then nothing is started.
    plan: Option<Arc<PodPlan>>,
    goal: Goal,
    /// What the API remembers of runs; weighed once against the first list.
    evidence: BTreeMap<String, Evidence>,
    sandbox: SandboxRecord,
    containers: Vec<ContainerRecord>,
    volumes: BTreeMap<String, VolumeState>,
    /// Calls under way.
    calls: BTreeMap<EffectId, UnderWay>,
    next_effect: u64,
    listing: Listing,
    /// Counts what changes the runtime and what is learned of it, so that a list can be told to be stale.
    sequence: u64,
    /// The pod's own end has been reached: nothing is started again. Holds the deadline for what still runs.
    winding_down: Option<Duration>,
    /// Leftovers are not removed before this time, after a removal has failed.
    cleanup_pause: Option<Duration>,
    /// While something is expected to change, the runtime is asked again at this time, should its hints be lost.
    poll_at: Option<Duration>,
}

/// What should become of the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Goal {
    /// Found in the runtime and not adopted, or adopted while it is being deleted: only watched.
    Observe,
    /// Run by its plan.
    Run,
    /// Nothing may run after the deadline.
    Stop { deadline: Duration },
    /// Nothing may be left.
    Remove(Removal),
    /// Nothing is left.
    Gone,
}

/// How far a removal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
struct Removal {
    /// The files have been removed that were there while a sandbox was left.
    files_gone: bool,
    /// When a list was asked for because nothing was known to be left: what it shows is all that is.
    proof: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
struct Listing {
    /// The list under way.
    call: Option<EffectId>,
    /// Another one is wanted.
    wanted: bool,
    /// Not before this time, after a failure.
    pause: Option<Duration>,
    failures: u32,
    /// When the newest list that was taken into account was asked for.
    asked: Option<u64>,
    /// When it was taken into account: one that was asked for before this is stale. `None` before the first one.
    taken: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct UnderWay {
    call: Call,
    cancelled: bool,
}

/// What a step asks for, in order.
type Effects = Vec<Effect>;

impl PodMachine {
    /// A pod of which nothing is known yet.
    pub fn new(pod: PodIdentity, scheme: impl Into<Arc<str>>) -> Self {
        Self {
            pod,
            scheme: scheme.into(),
            plan: None,
            goal: Goal::Observe,
            evidence: BTreeMap::new(),
            sandbox: SandboxRecord::default(),
            containers: Vec::new(),
            volumes: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_effect: 0,
            listing: Listing::default(),
            sequence: 0,
            winding_down: None,
            cleanup_pause: None,
            poll_at: None,
        }
    }

    /// A machine that keeps what it was given and asked for, and learns everything else from the runtime, after a pause.
    ///
    /// For one whose state cannot be relied on any more, since a step of it panicked. Calls under way end unheard.
    pub fn begin_anew(&self, now: Now) -> Self {
        let mut anew = Self::new(self.pod.clone(), Arc::clone(&self.scheme));
        if let Some(plan) = &self.plan {
            anew.set_plan(Arc::clone(plan));
        }
        anew.goal = self.goal;
        anew.volumes.clone_from(&self.volumes);
        anew.winding_down = self.winding_down;
        anew.next_effect = self.next_effect.saturating_add(1);
        anew.listing.pause = Some(now.mono.saturating_add(AFTER_A_PANIC));
        anew
    }

    /// Whose machine this is.
    pub fn pod(&self) -> &PodIdentity {
        &self.pod
    }

    /// Whether the pod's plan is known: it was created or adopted since the agent started.
    pub fn is_adopted(&self) -> bool {
        self.plan.is_some()
    }

    /// Whether the machine was never given a pod and the runtime holds nothing of it any more.
    pub fn is_vacant(&self) -> bool {
        self.plan.is_none()
            && self.goal == Goal::Observe
            && self.listing.taken.is_some()
            && self.sandbox.newest.is_none()
            && self.containers.iter().all(|container| container.run.is_none())
    }

    /// Whether the runtime holds something of the pod, or held it when it answered last.
    pub fn has_begun(&self) -> bool {
        self.sandbox.newest.is_some() || self.containers.iter().any(|record| record.run.is_some() || record.doubtful)
    }

    /// Where a list that starts now stands in the order of things; to be handed back with [`Event::Listed`].
    pub fn mark(&self) -> Mark {
        Mark(self.sequence)
    }

    /// Takes an event and answers what to do about it.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut effects = Effects::new();
        self.fold(event, now, &mut effects);
        if self.goal == Goal::Gone {
            return effects;
        }
        self.turn_notices(now, &mut effects);
        if self.listing.taken.is_none() {
            self.listing.wanted = true;
        } else {
            match self.goal {
                Goal::Observe | Goal::Gone => {}
                Goal::Run => self.run(now, &mut effects),
                Goal::Stop { deadline } => self.stop(deadline, now, &mut effects),
                Goal::Remove(removal) => self.remove(removal, now, &mut effects),
            }
        }
        self.poll(now);
        self.list_if_wanted(now, &mut effects);
        effects
    }

    fn fold(&mut self, event: Event, now: Now, effects: &mut Effects) {
        match event {
            Event::Given { plan, evidence, stand } => self.take_plan(plan, evidence, stand, now),
            Event::Replanned { plan } => {
                if self.plan.is_some() {
                    self.set_plan(plan);
                }
            }
            Event::Listed { mark, pod } => self.take_list(mark, pod, now),
            Event::Done { id, outcome } => self.complete(id, outcome, now, effects),
            Event::Volume { name, state } => {
                self.volumes.insert(name, state);
            }
            Event::Terminate { grace } => self.shorten(now.mono.saturating_add(grace)),
            Event::Remove => {
                if !matches!(self.goal, Goal::Remove(_) | Goal::Gone) {
                    self.goal = Goal::Remove(Removal::default());
                }
                self.cleanup_pause = None;
            }
            Event::Hinted => self.listing.wanted = true,
            Event::ReferencesChanged => self.retry_troubled(),
            Event::Tick => {}
        }
    }

    fn take_plan(&mut self, plan: Arc<PodPlan>, evidence: BTreeMap<String, Evidence>, stand: Stand, now: Now) {
        if self.plan.is_some() {
            return;
        }
        self.set_plan(plan);
        self.evidence = evidence;
        if self.goal == Goal::Observe && stand != Stand::Deleted {
            self.goal = Goal::Run;
        }
        if stand == Stand::Ended {
            self.winding_down = Some(now.mono);
        }
        if self.listing.taken.is_some() {
            self.weigh_evidence(now);
        }
    }

    fn set_plan(&mut self, plan: Arc<PodPlan>) {
        let mut known = std::mem::take(&mut self.containers);
        for wanted in &plan.containers {
            let record = known.iter().position(|record| record.name == wanted.name).map(|index| known.remove(index));
            let mut record = record.unwrap_or_else(|| ContainerRecord::new(&wanted.name, wanted.kind));
            record.kind = wanted.kind;
            self.containers.push(record);
        }
        // What the plan does not name is left to removal.
        self.containers.extend(known);
        self.plan = Some(plan);
    }

    /// A stop: the nearest deadline wins, and there is no way back.
    fn shorten(&mut self, deadline: Duration) {
        match &mut self.goal {
            Goal::Observe | Goal::Run => self.goal = Goal::Stop { deadline },
            Goal::Stop { deadline: known } => *known = deadline.min(*known),
            Goal::Remove(_) | Goal::Gone => {}
        }
    }

    /// Issues a call.
    fn call(&mut self, call: Call, effects: &mut Effects) -> EffectId {
        let id = EffectId(self.next_effect);
        self.next_effect += 1;
        if call.changes_runtime() {
            self.sequence += 1;
        }
        self.calls.insert(id, UnderWay { call: call.clone(), cancelled: false });
        effects.push(Effect::Call { id, call });
        id
    }

    fn is_under_way(&self, call: &Call) -> bool {
        self.calls.values().any(|under_way| under_way.call == *call)
    }

    fn record(&self, event: BackendEvent, effects: &mut Effects) {
        // Nobody can be told about a pod that has not been adopted.
        if self.plan.is_some() {
            effects.push(Effect::Record(event));
        }
    }

    fn list_if_wanted(&mut self, now: Now, effects: &mut Effects) {
        let paused = self.listing.pause.is_some_and(|until| now.mono < until);
        if !self.listing.wanted || self.listing.call.is_some() || paused {
            return;
        }
        self.listing.wanted = false;
        self.listing.pause = None;
        let mark = self.mark();
        self.listing.call = Some(self.call(Call::List { mark }, effects));
    }
}

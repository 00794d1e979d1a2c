//! Behaviour of one pod's machine, by subject.

mod birth;
mod defects;
mod end;
mod exhaustive;
mod farewell;
mod instance;
mod lookups;
mod loss;
mod model;
mod refusals;
mod release;
mod running;
mod updates;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::admission::Requests;
use crate::error::{Error, ErrorKind};
use crate::identity::{BackendInstance, PodUid};
use crate::observation::{ContainerKind, ContainerObservation, ContainerState, PodObservation, Stage, Terminated};
use crate::record::{ContainerFacts, Deletion, PodFacts, RestartPolicy};
use crate::status::{ContainerRestart, EndCause, Phase, Verdict};
use crate::time::Now;

const REMEMBERS: BackendPolicy = BackendPolicy {
    lists_all: true,
    forgets: false,
    settle: Duration::ZERO,
    recreates_lost: false,
    release: Release::OnDelete,
    taken_over: Duration::ZERO,
};

/// A machine with a clock, and what it asked for last.
#[derive(Clone)]
struct Harness {
    machine: PodMachine,
    now: Now,
    effects: Vec<Effect>,
    version: u64,
}

fn start_of_time() -> Now {
    Now { mono: Duration::from_secs(100), wall: Timestamp::from_second(1_800_000_000).unwrap() }
}

fn facts() -> PodFacts {
    PodFacts {
        resource_version: "1".into(),
        generation: 1,
        deletion: None,
        restart_policy: RestartPolicy::Always,
        grace_seconds: 30,
        active_deadline_seconds: None,
        containers: vec![container("app", ContainerKind::App)],
        labels: 1,
        annotations: BTreeMap::new(),
        phase: Phase::Pending,
        observed_generation: 0,
        start_time: None,
        started: false,
        requests: Requests::default(),
        of_daemon_set: false,
        handle: None,
        instance: None,
    }
}

fn container(name: &str, kind: ContainerKind) -> ContainerFacts {
    let image = format!("{name}:1");
    ContainerFacts { name: name.into(), kind, image, resources: 0, restart: ContainerRestart::default() }
}

fn uid() -> PodUid {
    PodUid::from("u1")
}

fn observation(revision: u64, stage: Stage, state: ContainerState) -> PodObservation {
    PodObservation::new(uid(), revision, stage).with_containers(vec![ContainerObservation::new(
        "app",
        ContainerKind::App,
        state,
    )])
}

fn running(revision: u64) -> PodObservation {
    observation(revision, Stage::Active, ContainerState::Running { started_at: None })
}

fn stopped(revision: u64, exit_code: i32) -> PodObservation {
    observation(revision, Stage::Stopped, ContainerState::Terminated(Terminated::with_exit_code(exit_code)))
}

impl Harness {
    fn with(facts: PodFacts, policy: BackendPolicy) -> Self {
        let now = start_of_time();
        let (machine, effects) = PodMachine::new(uid(), Arc::new(facts), policy, now);
        Self { machine, now, effects, version: 1 }
    }

    /// A pod that runs: created by this machine, observed, its status written.
    fn running() -> Self {
        let mut harness = Self::with(facts(), REMEMBERS);
        harness.listed_absent();
        harness.finish(CallOutcome::Prepared(Ok(())));
        harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
        harness.wrote(Phase::Running);
        harness
    }

    fn event(&mut self, event: Event) -> &mut Self {
        self.effects = self.machine.step(event, self.now);
        self
    }

    fn pass(&mut self, time: Duration) -> &mut Self {
        self.now.mono += time;
        self.now.wall = self.now.wall.checked_add(time).unwrap();
        self.event(Event::Tick)
    }

    /// Lets time pass until the machine wants to be woken.
    fn wake(&mut self) -> &mut Self {
        let at = self.machine.wake_at(self.now).expect("it wants to be woken");
        self.pass(at.saturating_sub(self.now.mono))
    }

    fn listed_absent(&mut self) -> &mut Self {
        let asked_at = self.now.mono;
        self.event(Event::Listed { found: None, instance: None, asked_at })
    }

    fn listed(&mut self, observation: PodObservation) -> &mut Self {
        let asked_at = self.now.mono;
        self.event(Event::Listed { found: Some(observation), instance: None, asked_at })
    }

    /// Ends the call that was asked for last.
    fn finish(&mut self, outcome: CallOutcome) -> &mut Self {
        let (id, _) = self.machine.calls.in_flight().expect("a call is under way");
        self.event(Event::Called { id, outcome })
    }

    fn absent(&mut self) -> &mut Self {
        assert_eq!(self.under_way(), Some(Call::Lookup));
        self.finish(CallOutcome::LookedUp(Ok(LookedUp::default())))
    }

    /// A preparation that has grown old is made anew.
    fn prepared_again(&mut self) -> &mut Self {
        if self.under_way() == Some(Call::Prepare) {
            self.finish(CallOutcome::Prepared(Ok(())));
        }
        self
    }

    fn answer(&mut self, outcome: WriteOutcome) -> &mut Self {
        let (id, _) = self.machine.writes.in_flight().expect("a write is under way");
        self.event(Event::Written { id, outcome })
    }

    /// The status that was to be written is written, and the watch shows it.
    fn wrote(&mut self, phase: Phase) -> &mut Self {
        assert_eq!(self.writing(), Some(Write::Status));
        self.version += 1;
        let resource_version = self.version.to_string();
        self.answer(WriteOutcome::Applied { phase, resource_version: resource_version.clone() });
        let mut effects = std::mem::take(&mut self.effects);
        self.api(|facts| {
            facts.resource_version = resource_version;
            facts.phase = phase;
            facts.started |= phase != Phase::Pending;
        });
        effects.append(&mut self.effects);
        self.effects = effects;
        self
    }

    /// The API server shows the pod, changed like this.
    fn api(&mut self, change: impl FnOnce(&mut PodFacts)) -> &mut Self {
        let mut facts = PodFacts::clone(self.machine.facts().expect("it has been seen"));
        self.version += 1;
        facts.resource_version = self.version.to_string();
        change(&mut facts);
        self.event(Event::Api(Arc::new(facts)))
    }

    /// The deletion lasts: that it is under way is told.
    fn told_of_deletion(&mut self) -> &mut Self {
        assert_eq!(self.writing(), None, "a pod that stops at once is written once");
        self.pass(Duration::from_secs(1)).wrote(Phase::Running)
    }

    fn deleted(&mut self, grace_seconds: u64) -> &mut Self {
        let due = self.now.wall.checked_add(Duration::from_secs(grace_seconds)).unwrap();
        self.api(|facts| facts.deletion = Some(Deletion { due, grace_seconds }))
    }

    fn under_way(&self) -> Option<Call> {
        self.machine.calls.in_flight().map(|(_, call)| call)
    }

    fn writing(&self) -> Option<Write> {
        self.machine.writes.in_flight().map(|(_, write)| write)
    }

    fn verdict(&self) -> Verdict {
        self.machine.status_basis().verdict
    }

    /// The cause of its end, if it has come to it.
    fn end(&self) -> Option<EndCause> {
        match self.verdict() {
            Verdict::Ended(cause) => Some(cause),
            _ => None,
        }
    }

    fn events(&self) -> Vec<&str> {
        let reasons = self.effects.iter().filter_map(|effect| match effect {
            Effect::Record(event) => Some(event.reason.as_str()),
            _ => None,
        });
        reasons.collect()
    }

    fn is_forgotten(&self) -> bool {
        self.effects.contains(&Effect::Forget)
    }
}

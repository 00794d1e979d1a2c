//! What can come between a machine and its rest, and what must hold whatever comes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use vk_core::{ContainerState, Stage};

use super::world::{Fault, UID, World};
use crate::machine::{Call, Event, Stand};
use crate::plan::{Evidence, Health, PodPlan, RestartPolicy};
use crate::runtime::RunState;

/// Something that happens to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Disturbance {
    /// A call fails.
    Fail(usize, Fault),
    /// A later call is answered before an earlier one.
    Overtake(usize),
    /// A list reads now what it reports later.
    ReadEarly(usize),
    /// A container ends by itself.
    Exit(usize, i32),
    /// Somebody removes a container that the API shows to have run.
    Lose(usize),
    /// The sandbox dies.
    KillSandbox,
    /// The agent dies, and comes back at once or after the old one's calls have been carried out.
    Crash { calls_arrive: bool },
    /// The pod is deleted.
    Terminate,
    /// Time passes.
    Wait,
}

/// A world with an API server that remembers what was observed, under watch.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) world: World,
    plan: Arc<PodPlan>,
    api: BTreeMap<String, Evidence>,
    restarts: BTreeMap<String, u32>,
    /// How many starts there may be from the moment on in which the pod was deleted.
    starts_allowed: Option<usize>,
    /// The model no longer shows how an init container ended.
    lost_init: bool,
    stopped: bool,
}

impl Watched {
    pub(super) fn new(plan: Arc<PodPlan>) -> Self {
        let world = World::created(Arc::clone(&plan));
        Self {
            world,
            plan,
            api: BTreeMap::new(),
            restarts: BTreeMap::new(),
            starts_allowed: None,
            lost_init: false,
            stopped: false,
        }
    }

    /// Everything that can happen now.
    pub(super) fn disturbances(&self) -> Vec<Disturbance> {
        let mut all = vec![Disturbance::Wait];
        for call in 0..self.world.pending.len() {
            for fault in [Fault::Refused, Fault::Unavailable, Fault::Applied] {
                all.push(Disturbance::Fail(call, fault));
            }
            if let (id, Call::List { .. }) = &self.world.pending[call]
                && !self.world.read.contains_key(id)
            {
                all.push(Disturbance::ReadEarly(call));
            }
            if call > 0 {
                all.push(Disturbance::Overtake(call));
            }
        }
        for (index, container) in self.world.model.containers.iter().enumerate() {
            if matches!(container.state, RunState::Running { .. }) {
                all.extend([Disturbance::Exit(index, 0), Disturbance::Exit(index, 1)]);
            }
            if self.api.get(&container.name).is_some_and(|known| known.attempt == container.attempt) {
                all.push(Disturbance::Lose(index));
            }
        }
        if self.world.model.sandboxes.iter().any(|sandbox| sandbox.running) {
            all.push(Disturbance::KillSandbox);
        }
        all.extend([true, false].map(|calls_arrive| Disturbance::Crash { calls_arrive }));
        if self.starts_allowed.is_none() {
            all.push(Disturbance::Terminate);
        }
        all
    }

    pub(super) fn disturb(&mut self, disturbance: Disturbance) {
        match disturbance {
            Disturbance::Wait => self.world.pass(Duration::from_secs(15)),
            Disturbance::Fail(call, fault) => self.world.fail(call, fault),
            Disturbance::Overtake(call) => self.world.answer(call),
            Disturbance::ReadEarly(call) => self.world.read_early(call),
            Disturbance::Exit(index, code) => {
                let name = self.world.model.containers[index].name.clone();
                self.world.exit(&name, code);
            }
            Disturbance::Lose(index) => {
                let lost = self.world.model.containers.remove(index);
                self.lost_init |= lost.name.starts_with("init");
                self.world.feed(Event::Hinted);
            }
            Disturbance::KillSandbox => self.world.kill_sandbox(),
            Disturbance::Crash { calls_arrive } => self.crash(calls_arrive),
            Disturbance::Terminate => {
                let may_start = |call: &Call| matches!(call, Call::Start { .. });
                let under_way = self.world.pending.iter().filter(|(_, call)| may_start(call)).count();
                self.starts_allowed = Some(self.world.starts.len() + under_way);
                self.world.terminate(30);
            }
        }
        self.check();
    }

    fn crash(&mut self, calls_arrive: bool) {
        if calls_arrive {
            self.world.carry_out_all();
        }
        self.world.crash();
        // The core adopts what a list shows; until then the machine only looks on.
        self.world.settle();
        self.check();
        let deleted = self.starts_allowed.is_some();
        let stand = if deleted { Stand::Deleted } else { Stand::Wanted };
        self.world.feed(Event::Given { plan: Arc::clone(&self.plan), evidence: self.api.clone(), stand });
        if deleted {
            self.world.settle();
            self.check();
            self.world.terminate(30);
        }
    }

    /// Answers the oldest call.
    pub(super) fn answer(&mut self) {
        self.world.answer(0);
        self.check();
    }

    /// Lets everything come to rest, and checks that it is the right rest.
    pub(super) fn rest(&mut self) {
        self.world.settle();
        self.check();
        for _ in 0..3 {
            // Init containers have to end for the pod to get on.
            while let Some(name) = self.world.running().into_iter().find(|name| name.starts_with("init")) {
                self.world.exit(&name, 0);
                self.world.settle();
                self.check();
            }
            self.world.pass(Duration::from_secs(700));
            self.check();
        }
        if self.starts_allowed.is_some() {
            assert!(self.world.running().is_empty(), "a deleted pod still runs");
            assert_eq!(self.world.stage(), Stage::Stopped);
        } else {
            self.check_rest();
        }
    }

    fn check_rest(&self) {
        let running = self.world.running();
        let apps: Vec<&str> =
            self.plan.containers.iter().map(|plan| plan.name.as_str()).filter(|name| name.starts_with("app")).collect();
        match self.plan.restart {
            RestartPolicy::Always => {
                for name in apps {
                    assert!(running.contains(&name.to_owned()), "{name} should run");
                    assert_eq!(self.world.word(name), "Running");
                }
            }
            RestartPolicy::OnFailure | RestartPolicy::Never => {
                let ended = self.world.stage() == Stage::Stopped;
                assert_eq!(ended, running.is_empty(), "stopped, and nothing runs, are one and the same: {running:?}");
            }
        }
        if self.world.stage() == Stage::Active {
            assert!(self.world.model.sandboxes.len() <= 1, "dead sandboxes are removed");
        }
    }

    /// What holds at every moment. That no container runs twice at once, and no sandbox, the model sees to.
    fn check(&mut self) {
        self.check_initialization();
        self.check_single_runs();
        if let Some(allowed) = self.starts_allowed {
            assert!(self.world.starts.len() <= allowed, "a deleted pod was started: {:?}", self.world.starts);
        }
        // Before adoption nothing is known of runs that the runtime has forgotten.
        if self.world.machine.is_adopted() && self.world.machine.listing.taken.is_some() {
            self.remember();
        }
        if self.stopped {
            assert!(self.world.running().is_empty(), "a pod that was reported as stopped runs");
        }
        self.stopped |= self.world.machine.is_adopted() && self.world.stage() == Stage::Stopped;
    }

    /// No app container runs beside an init container of the same sandbox that is not through.
    fn check_initialization(&self) {
        let containers = &self.world.model.containers;
        let apps = containers.iter().filter(|container| {
            container.name.starts_with("app") && matches!(container.state, RunState::Running { .. })
        });
        for app in apps {
            let inits = containers
                .iter()
                .filter(|init| init.name.starts_with("init") && init.sandbox_attempt == app.sandbox_attempt);
            let newest = inits.max_by_key(|init| init.attempt);
            let through = newest.is_none_or(|init| matches!(&init.state, RunState::Exited(run) if run.exit_code == 0));
            assert!(through || self.lost_init, "{} runs before its init container is through", app.name);
        }
    }

    /// A pod that never restarts runs each of its containers once, sidecars excepted.
    fn check_single_runs(&self) {
        if self.plan.restart == RestartPolicy::Never {
            let mut seen: Vec<&str> = Vec::new();
            for start in self.world.starts.iter().filter(|start| !start.starts_with("side")) {
                let name = start.split('/').next().unwrap();
                assert!(!seen.contains(&name), "{name} ran twice: {:?}", self.world.starts);
                seen.push(name);
            }
        }
    }

    /// The API server is told what is observed; restart counts never fall.
    fn remember(&mut self) {
        for container in self.world.machine.observe().containers {
            let known = self.restarts.entry(container.name.clone()).or_default();
            assert!(*known <= container.restarts, "the restart count of {} fell in pod {UID}", container.name);
            *known = container.restarts;
            let ended = match &container.state {
                ContainerState::Running { .. } => None,
                ContainerState::Terminated(ended) => Some(ended.clone()),
                ContainerState::Waiting { .. } if container.last.is_some() => container.last.clone(),
                ContainerState::Waiting { .. } | ContainerState::Unknown => continue,
            };
            let evidence = Evidence { attempt: container.restarts, ended, previous: None, health: Health::default() };
            self.api.insert(container.name, evidence);
        }
    }
}

/// Says which disturbances led to a failure.
pub(super) fn guarded(path: &[Disturbance], step: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(step)) {
        eprintln!("after {path:?}");
        std::panic::resume_unwind(panic);
    }
}

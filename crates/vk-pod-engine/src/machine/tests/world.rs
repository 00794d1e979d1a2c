//! A pod machine on a model of a runtime, with everything in the test's hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use vk_core::{BackendEvent, ContainerKind, ContainerState, Error, Now, Stage, Terminated};

use crate::machine::{
    Call, CreateFailure, Effect, EffectId, Event, Outcome, PodMachine, ProbeAnswer, Pulled, Stand, VolumeState,
};
use crate::plan::{Evidence, PodPlan, ProbeKind};
use crate::runtime::{
    ContainerId, Image, PodIdentity, RunState, RuntimeContainer, RuntimePod, RuntimeSandbox, SandboxId, Signal,
};

pub(super) const UID: &str = "uid-1";

pub(super) fn identity() -> PodIdentity {
    PodIdentity { uid: UID.into(), namespace: "default".to_owned(), name: "web".to_owned() }
}

/// What a model runtime does when it is asked for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fault {
    /// It says no, and did nothing.
    Refused,
    /// It does not answer, and did nothing.
    Unavailable,
    /// It does not answer, and did it.
    Applied,
}

/// The model: what a runtime holds of the pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Model {
    pub(super) sandboxes: Vec<RuntimeSandbox>,
    pub(super) containers: Vec<RuntimeContainer>,
    /// `None`: every image is there.
    pub(super) images: Option<Vec<String>>,
    /// Signals that containers ignore.
    pub(super) deaf: bool,
    /// Probes that fail.
    pub(super) unwell: BTreeSet<ProbeKind>,
    /// Hooks that fail.
    pub(super) broken_hooks: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) machine: PodMachine,
    pub(super) now: Now,
    pub(super) model: Model,
    pub(super) pending: Vec<(EffectId, Call)>,
    /// Lists that were read already and are still on their way.
    pub(super) read: BTreeMap<EffectId, RuntimePod>,
    /// Calls that are cancelled come to their own end.
    pub(super) ignores_cancel: bool,
    pub(super) forgotten: bool,
    pub(super) events: Vec<BackendEvent>,
    /// Every start, as `name/attempt`.
    pub(super) starts: Vec<String>,
    /// Every signal and every hook, as `name SIGNAL`.
    pub(super) signals: Vec<String>,
    pub(super) removals: Vec<ContainerId>,
}

pub(super) fn plan(spec: Value) -> Arc<PodPlan> {
    Arc::new(PodPlan::of(&serde_json::from_value(json!({ "spec": spec })).unwrap()).unwrap())
}

pub(super) fn one_container(restart: &str) -> Arc<PodPlan> {
    plan(json!({"restartPolicy": restart, "containers": [{"name": "app", "image": "a:1"}]}))
}

pub(super) fn with_sidecars(restart: &str) -> Arc<PodPlan> {
    plan(json!({
        "restartPolicy": restart,
        "initContainers": [
            {"name": "init", "image": "a:1"},
            {"name": "side1", "image": "a:1", "restartPolicy": "Always"},
            {"name": "side2", "image": "a:1", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "app", "image": "a:1"}, {"name": "app2", "image": "a:1"}],
    }))
}

/// A pod in which everything that can be asked and hooked is.
pub(super) fn with_checks(restart: &str) -> Arc<PodPlan> {
    let probe = json!({"tcpSocket": {"port": 80}, "periodSeconds": 100});
    let hook = json!({"exec": {"command": ["true"]}});
    let container = |name: &str| {
        json!({
            "name": name, "image": "a:1", "startupProbe": probe, "livenessProbe": probe, "readinessProbe": probe,
            "lifecycle": {"postStart": hook, "preStop": hook},
        })
    };
    let mut sidecar = container("side");
    sidecar["restartPolicy"] = json!("Always");
    plan(json!({
        "restartPolicy": restart,
        "initContainers": [{"name": "init", "image": "a:1"}, sidecar],
        "containers": [container("app")],
    }))
}

impl World {
    /// A pod that has just been created, with nothing answered yet.
    pub(super) fn created(plan: Arc<PodPlan>) -> Self {
        let mut world = Self::unadopted();
        world.feed(Event::Given { plan, evidence: BTreeMap::new(), stand: Stand::Wanted });
        world
    }

    /// A pod of which the engine has heard from the runtime only.
    pub(super) fn unadopted() -> Self {
        Self {
            machine: PodMachine::new(identity(), "model"),
            now: Now { mono: Duration::from_secs(100), wall: Timestamp::from_second(1_000_000).unwrap() },
            model: Model {
                sandboxes: Vec::new(),
                containers: Vec::new(),
                images: None,
                deaf: false,
                unwell: BTreeSet::new(),
                broken_hooks: false,
            },
            pending: Vec::new(),
            read: BTreeMap::new(),
            ignores_cancel: false,
            forgotten: false,
            events: Vec::new(),
            starts: Vec::new(),
            signals: Vec::new(),
            removals: Vec::new(),
        }
    }

    /// A pod whose containers run as far as they can.
    pub(super) fn settled(plan: Arc<PodPlan>) -> Self {
        let mut world = Self::created(plan);
        world.settle();
        world
    }

    /// The agent dies and comes back: the machine starts anew, the runtime goes on.
    pub(super) fn crash(&mut self) {
        self.machine = PodMachine::new(identity(), "model");
        self.pending.clear();
        self.read.clear();
        self.feed(Event::Tick);
    }

    pub(super) fn adopt(&mut self, plan: Arc<PodPlan>, evidence: BTreeMap<String, Evidence>) {
        self.feed(Event::Given { plan, evidence, stand: Stand::Wanted });
    }

    pub(super) fn feed(&mut self, event: Event) {
        for effect in self.machine.step(event, self.now) {
            match effect {
                Effect::Call { id, call } => self.pending.push((id, call)),
                Effect::Cancel { .. } if self.ignores_cancel => {}
                Effect::Cancel { id } => {
                    let index = self.pending.iter().position(|(pending, _)| *pending == id).expect("under way");
                    let (_, call) = self.pending.remove(index);
                    let outcome = self.failed(&call, Error::cancelled());
                    self.feed(Event::Done { id, outcome });
                }
                Effect::Record(event) => self.events.push(event),
                Effect::RemoveFailed(_) => {}
                Effect::Forget => self.forgotten = true,
            }
        }
    }

    /// Answers calls, oldest first, until none is left.
    pub(super) fn settle(&mut self) {
        for _ in 0..1000 {
            if self.pending.is_empty() {
                return;
            }
            self.answer(0);
        }
        panic!("the machine never comes to rest: {:?}", self.pending);
    }

    /// Carries out a pending call and reports it.
    pub(super) fn answer(&mut self, index: usize) {
        let (id, call) = self.pending.remove(index);
        let outcome = match self.read.remove(&id) {
            Some(read) => Outcome::Listed(Ok(read)),
            None => self.carry_out(&call),
        };
        self.feed(Event::Done { id, outcome });
    }

    /// Has a pending list read now what it will report later.
    pub(super) fn read_early(&mut self, index: usize) {
        let id = self.pending[index].0;
        let listed = self.listed();
        self.read.insert(id, listed);
    }

    /// Lets a pending call fail.
    pub(super) fn fail(&mut self, index: usize, fault: Fault) {
        let (id, call) = self.pending.remove(index);
        if fault == Fault::Applied {
            self.carry_out(&call);
        }
        let error = match fault {
            Fault::Refused => Error::internal("refused"),
            Fault::Unavailable => Error::unavailable("no answer"),
            Fault::Applied => Error::outcome_unknown("no answer"),
        };
        let outcome = self.failed(&call, error);
        self.feed(Event::Done { id, outcome });
    }

    /// Carries out what is pending without reporting it: nobody is there to hear of it.
    pub(super) fn carry_out_all(&mut self) {
        for (_, call) in std::mem::take(&mut self.pending) {
            self.carry_out(&call);
        }
    }

    /// Where the first pending call of this kind stands.
    pub(super) fn pending(&self, wanted: impl Fn(&Call) -> bool) -> Option<usize> {
        self.pending.iter().position(|(_, call)| wanted(call))
    }

    fn failed(&self, call: &Call, error: Error) -> Outcome {
        match call {
            Call::List { .. } => Outcome::Listed(Err(error)),
            Call::EnsureSandbox { .. } => Outcome::Sandbox(Err(error)),
            Call::FindImage { .. } => Outcome::Found(Err(error)),
            Call::PullImage { .. } => Outcome::Pulled(Err(error)),
            Call::Create { .. } => Outcome::Created(Err(CreateFailure::Runtime(error))),
            Call::Probe { .. } => Outcome::Probed(Err(error)),
            _ => Outcome::Finished(Err(error)),
        }
    }

    fn carry_out(&mut self, call: &Call) -> Outcome {
        match call {
            Call::List { .. } => Outcome::Listed(Ok(self.listed())),
            Call::EnsureSandbox { attempt } => Outcome::Sandbox(Ok(self.ensure_sandbox(*attempt))),
            Call::StopSandbox { id } => {
                self.kill_sandbox_with_id(id);
                Outcome::Finished(Ok(()))
            }
            Call::RemoveSandbox { id } => {
                self.model.sandboxes.retain(|sandbox| sandbox.id != *id);
                Outcome::Finished(Ok(()))
            }
            Call::FindImage { image, .. } => {
                let there = self.model.images.as_ref().is_none_or(|images| images.contains(image));
                Outcome::Found(Ok(there.then(|| Image::new("sha256:1"))))
            }
            Call::PullImage { image, .. } => match &self.model.images {
                Some(images) if !images.contains(image) => Outcome::Pulled(Err(Error::internal("manifest unknown"))),
                _ => {
                    let took = (Duration::from_secs(1), Duration::from_secs(1));
                    Outcome::Pulled(Ok(Pulled { image: Image::new("sha256:1"), took }))
                }
            },
            Call::Create { .. } => Outcome::Created(Ok(self.create(call))),
            Call::Start { id, .. } => {
                self.start(id);
                Outcome::Finished(Ok(()))
            }
            Call::Signal { container, id, signal } => {
                self.signals.push(format!("{container} {signal:?}"));
                if *signal == Signal::Kill || !self.model.deaf {
                    let code = if *signal == Signal::Kill { 137 } else { 143 };
                    self.exit_id(id, code);
                }
                Outcome::Finished(Ok(()))
            }
            Call::RemoveContainer { id } => {
                self.model.containers.retain(|container| container.id != *id);
                self.removals.push(id.clone());
                Outcome::Finished(Ok(()))
            }
            Call::ReleaseVolumes => Outcome::Finished(Ok(())),
            Call::Probe { kind, .. } => {
                let is_well = !self.model.unwell.contains(kind);
                Outcome::Probed(Ok(if is_well {
                    ProbeAnswer::Passed
                } else {
                    ProbeAnswer::Failed("unwell".to_owned())
                }))
            }
            Call::RunHook { container, hook, .. } => {
                self.signals.push(format!("{container} {hook:?}"));
                let broken = || Error::internal("exit code 1");
                Outcome::Finished(if self.model.broken_hooks { Err(broken()) } else { Ok(()) })
            }
        }
    }

    pub(super) fn listed(&self) -> RuntimePod {
        RuntimePod {
            pod: identity(),
            sandboxes: self.model.sandboxes.clone(),
            containers: self.model.containers.clone(),
        }
    }

    fn ensure_sandbox(&mut self, attempt: u32) -> RuntimeSandbox {
        if let Some(known) = self.model.sandboxes.iter().find(|sandbox| sandbox.attempt == attempt) {
            return known.clone();
        }
        assert!(self.model.sandboxes.iter().all(|sandbox| !sandbox.running), "two sandboxes at once");
        assert!(self.running().is_empty(), "a new sandbox while containers run in the old one");
        let sandbox = RuntimeSandbox {
            id: SandboxId::new(format!("sandbox-{attempt}")),
            attempt,
            running: true,
            ips: vec!["10.0.0.7".parse().unwrap()],
        };
        self.model.sandboxes.push(sandbox.clone());
        sandbox
    }

    fn create(&mut self, call: &Call) -> ContainerId {
        let Call::Create { container, attempt, sandbox, sandbox_attempt, image, spec_hash, image_id, .. } = call else {
            unreachable!()
        };
        let id = ContainerId::new(format!("{container}-{attempt}"));
        if self.model.containers.iter().any(|known| known.id == id) {
            return id;
        }
        assert!(self.model.sandboxes.iter().any(|known| known.id == *sandbox), "a container in no sandbox");
        let kind = match container.as_str() {
            name if name.starts_with("init") => ContainerKind::Init,
            name if name.starts_with("side") => ContainerKind::Sidecar,
            _ => ContainerKind::App,
        };
        self.model.containers.push(RuntimeContainer {
            id: id.clone(),
            name: container.clone(),
            kind,
            attempt: *attempt,
            sandbox_attempt: *sandbox_attempt,
            spec_hash: spec_hash.clone(),
            image: image.clone(),
            image_id: image_id.clone(),
            state: RunState::Created,
            message_from_log: false,
        });
        id
    }

    fn start(&mut self, id: &ContainerId) {
        let wall = self.now.wall;
        let Some(index) = self.model.containers.iter().position(|container| container.id == *id) else { return };
        let (name, attempt) = (self.model.containers[index].name.clone(), self.model.containers[index].attempt);
        assert!(!self.running().contains(&name), "two runs of {name} at once");
        if self.model.containers[index].state == RunState::Created {
            self.model.containers[index].state = RunState::Running { started_at: Some(wall) };
            self.starts.push(format!("{name}/{attempt}"));
        }
    }

    /// Names of the containers that run.
    pub(super) fn running(&self) -> Vec<String> {
        let runs = |container: &&RuntimeContainer| matches!(container.state, RunState::Running { .. });
        self.model.containers.iter().filter(runs).map(|container| container.name.clone()).collect()
    }

    fn exit_id(&mut self, id: &ContainerId, code: i32) {
        let wall = self.now.wall;
        let container = self.model.containers.iter_mut().find(|container| container.id == *id);
        if let Some(container) = container
            && let RunState::Running { started_at } = container.state
        {
            let mut ended = Terminated::with_exit_code(code);
            ended.started_at = started_at;
            ended.finished_at = Some(wall);
            ended.container_id = format!("model://{id}");
            container.state = RunState::Exited(ended);
        }
    }

    /// The run of a container ends by itself, and the runtime hints at it.
    pub(super) fn exit(&mut self, name: &str, code: i32) {
        let running = self
            .model
            .containers
            .iter()
            .find(|container| container.name == name && matches!(container.state, RunState::Running { .. }));
        let id = running.unwrap_or_else(|| panic!("{name} does not run")).id.clone();
        self.exit_id(&id, code);
        self.feed(Event::Hinted);
    }

    fn kill_sandbox_with_id(&mut self, id: &SandboxId) {
        for sandbox in self.model.sandboxes.iter_mut().filter(|sandbox| sandbox.id == *id) {
            sandbox.running = false;
            sandbox.ips.clear();
        }
    }

    /// The sandbox dies, and the runtime hints at it.
    pub(super) fn kill_sandbox(&mut self) {
        for id in self.model.sandboxes.iter().map(|sandbox| sandbox.id.clone()).collect::<Vec<_>>() {
            self.kill_sandbox_with_id(&id);
        }
        self.feed(Event::Hinted);
    }

    /// Somebody removes containers behind the agent's back.
    pub(super) fn lose(&mut self, name: &str) {
        self.model.containers.retain(|container| container.name != name);
        self.feed(Event::Hinted);
    }

    /// Time passes; the machine is woken when it wants to be.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(at) = self.machine.wakeup(self.now).filter(|at| *at <= end) {
            self.set_time(at);
            self.feed(Event::Tick);
            self.settle();
        }
        self.set_time(end);
        self.feed(Event::Tick);
        self.settle();
    }

    pub(super) fn set_time(&mut self, mono: Duration) {
        let passed = mono.saturating_sub(self.now.mono);
        self.now = Now { mono, wall: self.now.wall + passed };
    }

    pub(super) fn terminate(&mut self, grace: u64) {
        self.feed(Event::Terminate { grace: Duration::from_secs(grace) });
    }

    pub(super) fn volume(&mut self, name: &str, state: VolumeState) {
        self.feed(Event::Volume { name: name.to_owned(), state });
    }

    pub(super) fn stage(&self) -> Stage {
        self.machine.observe().stage
    }

    pub(super) fn container(&self, name: &str) -> vk_core::ContainerObservation {
        let observed = self.machine.observe();
        observed.containers.into_iter().find(|container| container.name == name).expect("a container of the plan")
    }

    /// State of a container in one word: the reason it waits or ended with, or `Running`.
    pub(super) fn word(&self, name: &str) -> String {
        match self.container(name).state {
            ContainerState::Waiting { reason, .. } => reason,
            ContainerState::Running { .. } => "Running".to_owned(),
            ContainerState::Terminated(ended) => ended.reason,
            ContainerState::Unknown => "Unknown".to_owned(),
        }
    }

    /// Reasons of the events so far.
    pub(super) fn reasons(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.reason.as_str()).collect()
    }
}

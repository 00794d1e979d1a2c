//! Every order of events, in small scopes: a model of an API server and a back end around the machine.

use proptest::prelude::*;

use super::*;

/// A back end that runs at most what it is told, and an API server that shows what is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Model {
    pub(super) machine: PodMachine,
    now: Now,
    policy: BackendPolicy,
    restart_policy: RestartPolicy,
    api: Option<PodFacts>,
    version: u64,
    revision: u64,
    /// The back end's pod.
    pub(super) workload: Workload,
    /// It was told to stop: it starts nothing again.
    told_to_stop: bool,
    pub(super) starts: u32,
    /// What it runs.
    image: String,
    pending_calls: Vec<(EffectId, Call)>,
    pending_writes: Vec<(EffectId, Write)>,
    pub(super) forgotten: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Workload {
    None,
    Runs,
    Ended(i32),
}

/// How a call or a write ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeds,
    /// Nothing has happened, and the caller is told so.
    Fails,
    /// It has happened, and the caller is not told.
    LosesItsReply,
}

impl Ending {
    fn of(how: u8) -> Self {
        match how % 4 {
            1 => Self::Fails,
            2 => Self::LosesItsReply,
            _ => Self::Succeeds,
        }
    }
}

impl Model {
    pub(super) fn new(restart_policy: RestartPolicy, policy: BackendPolicy) -> Self {
        let facts = PodFacts { restart_policy, ..facts() };
        let now = start_of_time();
        let (machine, effects) = PodMachine::new(uid(), Arc::new(facts.clone()), policy, now);
        let mut model = Self {
            machine,
            now,
            policy,
            restart_policy,
            api: Some(facts),
            version: 1,
            revision: 0,
            workload: Workload::None,
            told_to_stop: false,
            starts: 0,
            image: String::new(),
            pending_calls: Vec::new(),
            pending_writes: Vec::new(),
            forgotten: false,
        };
        model.take(effects);
        model
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { id, call } => self.pending_calls.push((id, call)),
                Effect::Write { id, write } => self.pending_writes.push((id, write)),
                Effect::Forget => {
                    assert_eq!(self.workload, Workload::None, "forgotten while the back end holds it");
                    assert!(self.api.is_none(), "forgotten while the API shows it");
                    self.forgotten = true;
                }
                Effect::Cancel { .. } | Effect::Record(_) => {}
            }
        }
        assert!(self.pending_calls.len() <= 1, "two calls under way");
        assert!(self.pending_writes.len() <= 1, "two writes under way");
    }

    pub(super) fn tell(&mut self, event: Event) {
        if !self.forgotten {
            let effects = self.machine.step(event, self.now);
            self.take(effects);
            if let Some(at) = self.machine.wake_at(self.now) {
                assert!(at > self.now.mono, "it would be woken for ever: {:?}", self.machine);
            }
        }
    }

    fn observe(&self) -> Option<PodObservation> {
        match self.workload {
            Workload::None => None,
            Workload::Runs => Some(running(self.revision)),
            Workload::Ended(code) if self.may_restart() => {
                let ended = ContainerState::Terminated(Terminated::with_exit_code(code));
                Some(observation(self.revision, Stage::Active, ended))
            }
            Workload::Ended(code) => Some(stopped(self.revision, code)),
        }
    }

    /// The watch shows the pod as it is.
    pub(super) fn show(&mut self) {
        if let Some(facts) = &self.api {
            let facts = Arc::new(facts.clone());
            self.tell(Event::Api(facts));
        }
    }

    /// One thing happens; `choice` says which, and how calls and writes end.
    fn act(&mut self, choice: u8) {
        self.now.mono += Duration::from_millis(300);
        self.now.wall = self.now.wall.checked_add(Duration::from_millis(300)).unwrap();
        match choice % 14 {
            0 => self.list(),
            1 | 2 => self.end_call(Ending::of(choice / 14)),
            3 | 4 => self.end_write(Ending::of(choice / 14)),
            5 => self.show(),
            6 => self.delete(),
            7 => self.exit(i32::from(choice / 14 % 2)),
            8 => self.push(),
            9 => {
                if choice / 14 == 0 {
                    self.force_delete();
                }
            }
            10 => self.crash((choice / 14).is_multiple_of(2)),
            11 => {
                self.now.mono += Duration::from_secs(20);
                self.tell(Event::Tick);
            }
            12 => self.restart(),
            _ => self.edit(),
        }
    }

    /// The back end is listed.
    pub(super) fn list(&mut self) {
        let (asked_at, found) = (self.now.mono, self.observe());
        self.tell(Event::Listed { found, instance: None, asked_at });
    }

    /// The back end pushes the pod as it is.
    pub(super) fn push(&mut self) {
        if let Some(observation) = self.observe() {
            self.tell(Event::Observed(observation));
        }
    }

    /// Somebody deletes the pod, and the watch shows that.
    pub(super) fn delete(&mut self) {
        if let Some(facts) = &mut self.api
            && facts.deletion.is_none()
        {
            self.version += 1;
            facts.resource_version = self.version.to_string();
            facts.deletion = Some(Deletion { due: self.now.wall, grace_seconds: 30 });
        }
        self.show();
    }

    /// Somebody gives it another image, once; the watch may show that later.
    pub(super) fn edit(&mut self) {
        if let Some(facts) = self.api.as_mut().filter(|facts| facts.generation == 1) {
            self.version += 1;
            facts.resource_version = self.version.to_string();
            facts.generation += 1;
            facts.containers[0].image = "app:2".into();
        }
    }

    pub(super) fn force_delete(&mut self) {
        if self.api.take().is_some() {
            self.tell(Event::Gone { deletion: None });
        }
    }

    /// The workload ends by itself.
    pub(super) fn exit(&mut self, code: i32) {
        if self.workload == Workload::Runs {
            self.workload = Workload::Ended(code);
            self.revision += 1;
        }
    }

    /// Whether the back end will start it again by itself.
    fn may_restart(&self) -> bool {
        let Workload::Ended(code) = self.workload else { return false };
        !self.told_to_stop && ContainerRestart::default().restarts(self.restart_policy, code)
    }

    /// The back end starts the workload again by itself, as its restart policy says.
    pub(super) fn restart(&mut self) {
        if self.may_restart() {
            self.workload = Workload::Runs;
            self.revision += 1;
        }
    }

    /// Nothing of the pod runs, and nothing of it will.
    fn assert_stopped(&self, what: &str) {
        assert_ne!(self.workload, Workload::Runs, "{what} while it runs");
        assert!(!self.may_restart(), "{what} while the back end is about to start it again");
    }

    /// Time passes until the machine wants to be woken.
    pub(super) fn wake(&mut self) {
        let Some(at) = self.machine.wake_at(self.now) else { return };
        let time = at.saturating_sub(self.now.mono);
        self.now.mono = at;
        self.now.wall = self.now.wall.checked_add(time).unwrap();
        self.tell(Event::Tick);
    }

    /// The agent is killed and started again: what was under way has had its effect, or has not.
    pub(super) fn crash(&mut self, had_effect: bool) {
        for (_, call) in std::mem::take(&mut self.pending_calls) {
            if had_effect {
                self.carry_out(call);
            }
        }
        for (_, write) in std::mem::take(&mut self.pending_writes) {
            if had_effect {
                self.carry_out_write(write);
            }
        }
        let Some(facts) = self.api.clone() else {
            if let Some(observation) = self.observe() {
                let (machine, effects) = PodMachine::orphan(observation, self.policy, self.now);
                self.machine = machine;
                self.forgotten = false;
                self.take(effects);
            } else {
                self.forgotten = true;
            }
            return;
        };
        let (machine, effects) = PodMachine::new(uid(), Arc::new(facts), self.policy, self.now);
        self.machine = machine;
        self.take(effects);
    }

    fn offered_image(&self) -> String {
        self.machine.offered.as_ref().map(|facts| facts.containers[0].image.clone()).unwrap_or_default()
    }

    fn carry_out(&mut self, call: Call) {
        match call {
            Call::Create if self.workload == Workload::None => {
                self.starts += 1;
                self.image = self.offered_image();
                self.revision += 1;
                self.workload = Workload::Runs;
            }
            Call::Update(_) => self.image = self.offered_image(),
            Call::Terminate { .. } => {
                self.revision += 1;
                self.told_to_stop |= self.workload != Workload::None;
                if self.workload == Workload::Runs {
                    self.workload = Workload::Ended(143);
                }
            }
            Call::Remove => {
                let terminal = self.api.as_ref().is_none_or(|facts| facts.phase.is_terminal());
                assert!(terminal, "released before the API server has the end");
                self.assert_stopped("released");
                self.workload = Workload::None;
            }
            _ => {}
        }
    }

    pub(super) fn end_call(&mut self, ending: Ending) {
        let Some((id, call)) = self.pending_calls.pop() else { return };
        if ending != Ending::Fails {
            self.carry_out(call);
        }
        let error = || Error::outcome_unknown("no answer");
        let result = |()| if ending == Ending::Succeeds { Ok(()) } else { Err(error()) };
        let found = self.observe();
        let outcome = match call {
            Call::Prepare => CallOutcome::Prepared(result(())),
            Call::Create => {
                CallOutcome::Created(result(()).map(|()| Created { observation: found, ..Created::default() }))
            }
            Call::Adopt => CallOutcome::Adopted(result(())),
            Call::Update(_) => CallOutcome::Updated(result(()).map(|()| Updated::default())),
            Call::Terminate { .. } => CallOutcome::Terminated(result(()).map(|()| found)),
            Call::Remove => CallOutcome::Removed(result(())),
            Call::Lookup => CallOutcome::LookedUp(result(()).map(|()| LookedUp { found, instance: None })),
        };
        self.tell(Event::Called { id, outcome });
    }

    pub(super) fn end_write(&mut self, ending: Ending) {
        let Some((id, write)) = self.pending_writes.pop() else { return };
        let failed = |message: &str| WriteOutcome::Failed { message: message.into(), retry_after: None };
        let outcome = match ending {
            Ending::Fails => failed("500"),
            Ending::LosesItsReply => {
                self.carry_out_write(write);
                failed("connection reset")
            }
            Ending::Succeeds => self.carry_out_write(write),
        };
        self.tell(Event::Written { id, outcome });
    }

    fn carry_out_write(&mut self, write: Write) -> WriteOutcome {
        let seen = self.machine.facts().map_or(0, |facts| facts.generation);
        let generation = self.machine.status_basis().answered_generation.unwrap_or(seen);
        let phase = match self.machine.status_basis().verdict {
            Verdict::Ended(_) => Phase::Failed,
            Verdict::Observed | Verdict::Recreating { .. } => Phase::Running,
            Verdict::Waiting { .. } => Phase::Pending,
        };
        match write {
            Write::Status if phase.is_terminal() => self.assert_stopped("a terminal phase"),
            Write::Delete => self.assert_stopped("DELETE"),
            Write::Status | Write::ProveAbsence => {}
        }
        match (write, &mut self.api) {
            (Write::Status, Some(facts)) => {
                assert!(!facts.phase.is_terminal() || phase.is_terminal(), "a terminal phase is never left");
                self.version += 1;
                facts.phase = phase;
                facts.observed_generation = facts.observed_generation.max(generation);
                facts.started |= phase == Phase::Running;
                facts.resource_version = self.version.to_string();
                WriteOutcome::Applied { phase, resource_version: facts.resource_version.clone() }
            }
            (Write::Delete, Some(facts)) => {
                assert!(facts.phase.is_terminal(), "DELETE before the end is written");
                self.api = None;
                WriteOutcome::Deleted
            }
            (Write::ProveAbsence, Some(_)) => WriteOutcome::StillThere,
            (Write::ProveAbsence, None) => WriteOutcome::Absent,
            (_, None) => WriteOutcome::IdentityLost { message: "404".into() },
        }
    }

    /// Everything works from now on: what runs is soon what the pod asks for.
    pub(super) fn catch_up(mut self) {
        for _ in 0..20 {
            [0, 1, 3, 5, 8, 11].into_iter().for_each(|choice| self.act(choice));
        }
        let wanted = self.api.filter(|facts| facts.deletion.is_none() && self.workload == Workload::Runs);
        if let Some(facts) = wanted.filter(|facts| !facts.phase.is_terminal()) {
            assert_eq!(self.image, facts.containers[0].image, "{:?}", self.machine);
        }
    }

    /// Everything works from now on; the pod is deleted. It must be gone everywhere soon.
    pub(super) fn calm_down(&mut self) {
        for _ in 0..60 {
            if self.forgotten {
                break;
            }
            self.act(0);
            self.act(1);
            self.act(6);
            self.act(3);
            self.act(5);
            self.act(8);
            if self.api.is_none() {
                self.tell(Event::Gone { deletion: None });
            }
            self.act(11);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn in_every_order_it_runs_at_most_once_and_everything_is_cleaned_up(
        choices in proptest::collection::vec(any::<u8>(), 0..60),
        policy in prop_oneof![Just(RestartPolicy::Never), Just(RestartPolicy::OnFailure), Just(RestartPolicy::Always)],
        release in prop_oneof![Just(Release::OnDelete), Just(Release::AfterTerminal(Duration::from_secs(3)))],
        settle in prop_oneof![Just(Duration::ZERO), Just(Duration::from_secs(2))],
    ) {
        let taken_over = start_of_time().mono;
        let mut model = Model::new(policy, BackendPolicy { release, settle, taken_over, ..REMEMBERS });
        for choice in choices {
            model.act(choice);
        }
        prop_assert!(model.starts <= 1, "started {} times", model.starts);
        model.clone().catch_up();
        model.calm_down();
        prop_assert!(model.starts <= 1, "started {} times", model.starts);
        prop_assert!(model.forgotten, "not let go: {:?}", model.machine);
        prop_assert_eq!(model.workload, Workload::None);
    }
}

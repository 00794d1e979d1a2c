//! Every order of events, in small scopes: a model of an API server and a back end around the machine.

use proptest::prelude::*;

use super::*;

/// A back end that runs at most what it is told, and an API server that shows what is written.
#[derive(Debug, Clone)]
struct Model {
    machine: PodMachine,
    now: Now,
    api: Option<PodFacts>,
    version: u64,
    revision: u64,
    /// The back end's pod.
    workload: Workload,
    starts: u32,
    pending_calls: Vec<(EffectId, Call)>,
    pending_writes: Vec<(EffectId, Write)>,
    forgotten: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Workload {
    None,
    Runs,
    Ended(i32),
}

impl Model {
    fn new(restart_policy: RestartPolicy) -> Self {
        let facts = PodFacts { restart_policy, ..facts() };
        let now = start_of_time();
        let (machine, effects) = PodMachine::new(uid(), Arc::new(facts.clone()), REMEMBERS, now);
        let mut model = Self {
            machine,
            now,
            api: Some(facts),
            version: 1,
            revision: 0,
            workload: Workload::None,
            starts: 0,
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

    fn tell(&mut self, event: Event) {
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
            Workload::Ended(code) => Some(stopped(self.revision, code)),
        }
    }

    fn show(&mut self) {
        if let Some(facts) = &self.api {
            let facts = Arc::new(facts.clone());
            self.tell(Event::Api(facts));
        }
    }

    /// One thing happens; `choice` says which, and how calls and writes end.
    fn act(&mut self, choice: u8) {
        self.now.mono += Duration::from_millis(300);
        self.now.wall = self.now.wall.checked_add(Duration::from_millis(300)).unwrap();
        match choice % 12 {
            0 => {
                let asked_at = self.now.mono;
                let found = self.observe();
                self.tell(Event::Listed { found, instance: None, asked_at });
            }
            1 | 2 => self.end_call(choice / 12),
            3 | 4 => self.end_write(choice / 12),
            5 => self.show(),
            6 => {
                if let Some(facts) = &mut self.api
                    && facts.deletion.is_none()
                {
                    self.version += 1;
                    facts.resource_version = self.version.to_string();
                    facts.deletion = Some(Deletion { due: self.now.wall, grace_seconds: 30 });
                }
                self.show();
            }
            7 => {
                if self.workload == Workload::Runs {
                    self.workload = Workload::Ended(i32::from(choice / 12 % 2));
                    self.revision += 1;
                }
            }
            8 => {
                if let Some(observation) = self.observe() {
                    self.tell(Event::Observed(observation));
                }
            }
            9 => {
                // A force delete.
                if choice / 12 == 0 && self.api.take().is_some() {
                    self.tell(Event::Gone { deletion: None });
                }
            }
            10 => self.restart(),
            _ => {
                self.now.mono += Duration::from_secs(20);
                self.tell(Event::Tick);
            }
        }
    }

    /// The agent is killed and started again: calls under way may or may not have had their effect.
    fn restart(&mut self) {
        for (_, call) in std::mem::take(&mut self.pending_calls) {
            if self.now.mono.as_millis().is_multiple_of(2) {
                self.carry_out(call);
            }
        }
        self.pending_writes.clear();
        let Some(facts) = self.api.clone() else {
            if let Some(observation) = self.observe() {
                let (machine, effects) = PodMachine::orphan(observation, REMEMBERS, self.now);
                self.machine = machine;
                self.forgotten = false;
                self.take(effects);
            } else {
                self.forgotten = true;
            }
            return;
        };
        let (machine, effects) = PodMachine::new(uid(), Arc::new(facts), REMEMBERS, self.now);
        self.machine = machine;
        self.take(effects);
    }

    fn carry_out(&mut self, call: Call) {
        match call {
            Call::Create if self.workload == Workload::None => {
                self.starts += 1;
                self.revision += 1;
                self.workload = Workload::Runs;
            }
            Call::Terminate { .. } if self.workload == Workload::Runs => {
                self.revision += 1;
                self.workload = Workload::Ended(143);
            }
            Call::Remove => {
                let terminal = self.api.as_ref().is_none_or(|facts| facts.phase.is_terminal());
                assert!(terminal, "released before the API server has the end");
                assert_ne!(self.workload, Workload::Runs, "released while it runs");
                self.workload = Workload::None;
            }
            _ => {}
        }
    }

    fn end_call(&mut self, how: u8) {
        let Some((id, call)) = self.pending_calls.pop() else { return };
        let fails = how % 4 == 1;
        let lost_reply = how % 4 == 2;
        if !fails {
            self.carry_out(call);
        }
        let error = || Error::outcome_unknown("no answer");
        let failed = fails || lost_reply;
        let result = |()| if failed { Err(error()) } else { Ok(()) };
        let found = self.observe();
        let outcome = match call {
            Call::Prepare => CallOutcome::Prepared(result(())),
            Call::Create => {
                CallOutcome::Created(result(()).map(|()| Created { observation: found, ..Created::default() }))
            }
            Call::Adopt => CallOutcome::Adopted(result(())),
            Call::Update(_) => CallOutcome::Updated(result(())),
            Call::Terminate { .. } => CallOutcome::Terminated(result(()).map(|()| found)),
            Call::Remove => CallOutcome::Removed(result(())),
            Call::Lookup => CallOutcome::LookedUp(result(()).map(|()| LookedUp { found, instance: None })),
        };
        self.tell(Event::Called { id, outcome });
    }

    fn end_write(&mut self, how: u8) {
        let Some((id, write)) = self.pending_writes.pop() else { return };
        if how % 4 == 1 {
            return self.tell(Event::Written {
                id,
                outcome: WriteOutcome::Failed { message: "500".into(), retry_after: None },
            });
        }
        let outcome = match (write, &mut self.api) {
            (Write::Status, Some(facts)) => {
                let phase = match self.machine.status_basis().verdict {
                    Verdict::Ended(_) => Phase::Failed,
                    Verdict::Observed => Phase::Running,
                    Verdict::Waiting { .. } => Phase::Pending,
                };
                assert!(!facts.phase.is_terminal() || phase.is_terminal(), "a terminal phase is never left");
                if phase.is_terminal() {
                    assert_ne!(self.workload, Workload::Runs, "a terminal phase while something runs");
                }
                self.version += 1;
                facts.phase = phase;
                facts.started |= phase == Phase::Running;
                facts.resource_version = self.version.to_string();
                WriteOutcome::Applied { phase, resource_version: facts.resource_version.clone() }
            }
            (Write::Delete, Some(facts)) => {
                assert!(facts.phase.is_terminal(), "DELETE before the end is written");
                assert_ne!(self.workload, Workload::Runs, "DELETE while it runs");
                self.api = None;
                WriteOutcome::Deleted
            }
            (Write::ProveAbsence, Some(_)) => WriteOutcome::StillThere,
            (Write::ProveAbsence, None) => WriteOutcome::Absent,
            (_, None) => WriteOutcome::IdentityLost { message: "404".into() },
        };
        if how % 4 != 2 {
            self.tell(Event::Written { id, outcome });
        } else {
            let outcome = WriteOutcome::Failed { message: "connection reset".into(), retry_after: None };
            self.tell(Event::Written { id, outcome });
        }
    }

    /// Everything works from now on; the pod is deleted. It must be gone everywhere soon.
    fn calm_down(&mut self) {
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
    ) {
        let mut model = Model::new(policy);
        for choice in choices {
            model.act(choice);
        }
        prop_assert!(model.starts <= 1, "started {} times", model.starts);
        model.calm_down();
        prop_assert!(model.starts <= 1, "started {} times", model.starts);
        prop_assert!(model.forgotten, "not let go: {:?}", model.machine);
        prop_assert_eq!(model.workload, Workload::None);
    }
}

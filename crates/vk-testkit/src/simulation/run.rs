//! Running one schedule.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use virtual_kubelet::controller::env::Random;
use virtual_kubelet::core::PodUid;
use vk_apiserver::{ApiServer, Controllers, Options};

use super::action::{Action, Instance, Slot};
use super::agents::Agents;
use super::schedule::Schedule;
use super::user::{Users, name};
use super::violation::Violation;
use super::weather::Weather;
use super::witness::Witness;
use crate::backend::Happening;
use crate::interposer::Interposition;
use crate::world::{World, simulate_on};

/// After the last action everything works, for this long: longer than any time-out and the collection of orphans.
const CALM: Duration = Duration::from_secs(400);

/// An agent that was about to end, or is refused because another one lives, has ended by then.
const ENDINGS: Duration = Duration::from_secs(60);

/// What became of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Equal for equal runs.
    pub trace: u64,
    /// Invariants that did not hold.
    pub violations: Vec<Violation>,
    /// How often a workload was started.
    pub starts: usize,
    /// How many requests the API server answered.
    pub requests: usize,
}

/// Runs a schedule and judges it.
pub fn run(schedule: &Schedule) -> Outcome {
    run_behind(schedule, &Interposition::none())
}

/// The same, with this between every agent and its surroundings.
pub fn run_behind(schedule: &Schedule, interposition: &Interposition) -> Outcome {
    let mut options = Options::default();
    options.controllers = Controllers::default();
    options.controllers.node_lifecycle = true;
    options.controllers.taint_eviction = true;
    options.controllers.pod_garbage_collection = true;
    options.graph_lag = one_of(schedule.seed, &[0, 0, 300, 2000]).map_or(Duration::ZERO, Duration::from_millis);
    options.slow_watch_limit = one_of(schedule.seed / 4, &[usize::MAX, usize::MAX, 8]);
    simulate_on(options, interposition, schedule.seed, |world, server| async move {
        Simulation::new(world, server, schedule).run().await
    })
}

/// A property of the server that is the seed's, and not one more number that is drawn: schedules stay what they are.
fn one_of<T: Copy>(seed: u64, choices: &[T]) -> Option<T> {
    let index = usize::try_from(seed).unwrap_or_default().checked_rem(choices.len())?;
    choices.get(index).copied()
}

struct Simulation<'a> {
    world: Arc<World>,
    server: ApiServer,
    schedule: &'a Schedule,
    weather: Weather,
    agents: Agents,
    witness: Witness,
    edits: u32,
}

impl<'a> Simulation<'a> {
    fn new(world: World, server: ApiServer, schedule: &'a Schedule) -> Self {
        let weather = Weather::new(Random::seeded(schedule.seed ^ 0x0577_0b31));
        server.set_faults(weather.clone());
        world.backend().set_nature(schedule.nature);
        let world = Arc::new(world);
        let agents = Agents::new(world.clone());
        let witness = Witness::of(&server);
        Self { world, server, schedule, weather, agents, witness, edits: 0 }
    }

    async fn run(mut self) -> Outcome {
        self.agents.start(Slot::First, Instance::Same);
        for (pause, action) in &self.schedule.steps {
            tokio::time::sleep(*pause).await;
            self.witness.read();
            self.act(action).await;
        }
        self.calm().await;
        self.outcome()
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::ProviderFault(method, fault) => self.world.backend().fail_next(*method, fault.clone()),
            Action::Elsewhere(elsewhere) => {
                self.witness.instances_changed = true;
                self.world.backend().answer_elsewhere(*elsewhere);
            }
            Action::Weather(percent) => self.weather.set(*percent),
            Action::ApiFault(kind, fault, times) => self.weather.order(*kind, *fault, *times),
            Action::Partition(partitioned) => self.weather.partition(*partitioned),
            Action::RestartServer => self.server.restart(),
            Action::Compact => self.server.change(|kernel, _| kernel.compact()),
            Action::Kill(slot) => self.agents.kill(*slot).await,
            Action::Stop(slot) => self.agents.stop(*slot),
            Action::Start(slot, instance) => self.agents.start(*slot, *instance),
            Action::Clock(slot, seconds) => {
                self.witness.clocks_jumped = true;
                self.agents.set_clock(*slot, *seconds);
            }
            Action::Exit(pod, code) => self.each_workload(*pod, |world, uid| world.backend().exit(uid, *code)),
            Action::ExitContainer(pod, container, code) => {
                self.each_workload(*pod, |world, uid| world.backend().exit_container(uid, *container, *code));
            }
            Action::Lose(pod) => self.each_workload(*pod, |world, uid| world.backend().lose(uid)),
            Action::Disrupt(pod) => self.each_workload(*pod, |world, uid| world.backend().disrupt(uid)),
            Action::LoseContact(pod, time) => {
                self.each_workload(*pod, |world, uid| world.backend().lose_contact(uid, *time));
            }
            action => self.act_as_user(action).await,
        }
    }

    async fn act_as_user(&mut self, action: &Action) {
        let facts = &mut self.witness.facts;
        let mut users = Users { world: &self.world, edits: &mut self.edits };
        match action {
            Action::Create(pod, shape) => users.create(*pod, *shape).await,
            Action::Delete(pod) => users.delete(*pod, None).await,
            Action::DeleteWithin(pod, grace) => users.delete(*pod, Some(*grace)).await,
            Action::DeleteAll => users.delete_all().await,
            Action::Recreate(pod, shape) => {
                users.delete(*pod, Some(0)).await;
                users.create(*pod, *shape).await;
            }
            Action::Label(pod) => users.label(*pod, facts).await,
            Action::Annotate(pod) => users.annotate(*pod, facts).await,
            Action::Image(pod, exists) => users.set_image(*pod, *exists).await,
            Action::Deadline(pod, seconds) => users.set_deadline(*pod, *seconds).await,
            Action::Resize(pod) => users.resize(*pod).await,
            Action::Debug(pod) => users.debug(*pod).await,
            Action::Finalizer(pod, held) => users.hold(*pod, *held).await,
            Action::Unready(pod) => users.unready(*pod).await,
            Action::Condition(pod, status) => users.set_condition(*pod, *status, facts).await,
            Action::FailFromOutside(pod) => users.fail_from_outside(*pod, facts).await,
            Action::DeleteNode => users.delete_node().await,
            Action::UnreadyNode => users.unready_node().await,
            _ => {}
        }
    }

    fn each_workload(&self, pod: usize, act: impl Fn(&World, &PodUid)) {
        for (uid, _) in self.world.backend().named(&self.world.key(&name(pod))) {
            act(&self.world, &uid);
        }
    }

    /// From here on everything works, and exactly one agent lives.
    async fn calm(&mut self) {
        self.weather.clear();
        self.world.backend().heal();
        if self.agents.lives(Slot::First) {
            self.agents.kill(Slot::Second).await;
        }
        let second_lives = self.agents.lives(Slot::Second);
        Users { world: &self.world, edits: &mut self.edits }.help_out().await;
        tokio::time::sleep(ENDINGS).await;
        let is_left = if second_lives { Slot::Second } else { Slot::First };
        if !self.agents.lives(is_left) {
            self.agents.start(Slot::First, Instance::Same);
        }
        tokio::time::sleep(CALM).await;
    }

    fn outcome(mut self) -> Outcome {
        self.witness.spans = self.agents.spans();
        self.witness.loops.extend(self.weather.hot_request());
        let entries = self.world.backend().ledger();
        let requests: Vec<_> = self.server.inspect(|kernel| kernel.requests().cloned().collect());
        let mut hasher = DefaultHasher::new();
        format!("{entries:?}").hash(&mut hasher);
        format!("{requests:?}").hash(&mut hasher);
        Outcome {
            trace: hasher.finish(),
            violations: self.witness.judge(&self.world),
            starts: entries.iter().filter(|entry| entry.what == Happening::Started).count(),
            requests: requests.len(),
        }
    }
}

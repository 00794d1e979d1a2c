//! Running one schedule.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde_json::json;
use virtual_kubelet::controller::env::Random;
use virtual_kubelet::core::{Error, PodUid};
use virtual_kubelet::kube::api::{DeleteParams, Patch, PatchParams};
use vk_apiserver::ApiServer;

use super::action::{Action, NAMES, ProviderFault, Schedule};
use super::judge::{Facts, Violation, judge};
use super::weather::Weather;
use crate::backend::Fault;
use crate::world::{AgentInstance, World, simulate};

/// After the last action everything works, for this long: longer than any back-off, timeout and collection of orphans.
const CALM: Duration = Duration::from_secs(300);

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
    simulate(schedule.seed, |world, server| async move { Simulation::new(world, server, schedule).run().await })
}

struct Simulation<'a> {
    world: World,
    server: ApiServer,
    schedule: &'a Schedule,
    weather: Weather,
    agent: Option<AgentInstance>,
    facts: Facts,
}

impl<'a> Simulation<'a> {
    fn new(world: World, server: ApiServer, schedule: &'a Schedule) -> Self {
        let weather = Weather::new(Random::seeded(schedule.seed ^ 0x0577_0b31));
        server.set_faults(weather.clone());
        Self { world, server, schedule, weather, agent: None, facts: Facts::default() }
    }

    async fn run(mut self) -> Outcome {
        self.agent = Some(self.world.start_agent().await);
        for (pause, action) in &self.schedule.steps {
            tokio::time::sleep(*pause).await;
            let facts = &mut self.facts;
            self.server.inspect(|kernel| facts.read(kernel));
            self.act(action).await;
        }
        self.weather.set(0);
        self.world.backend().heal();
        tokio::time::sleep(CALM).await;
        self.outcome()
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::Create { pod, once } => self.create(*pod, *once).await,
            Action::Delete(pod) => self.delete(*pod, None).await,
            Action::DeleteWithin(pod, grace) => self.delete(*pod, Some(*grace)).await,
            Action::Exit(pod, code) => self.each_workload(*pod, |world, uid| world.backend().exit(uid, *code)),
            Action::Lose(pod) => self.each_workload(*pod, |world, uid| world.backend().lose(uid)),
            Action::Label(pod) => {
                let labels = json!({"metadata": {"labels": {"edited": "yes"}}});
                let pods = self.world.pods();
                // There may be no such pod just now.
                drop(pods.patch(&name(*pod), &PatchParams::default(), &Patch::Merge(labels)).await);
            }
            Action::Unready(pod) => {
                let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
                let pods = self.world.pods();
                drop(pods.patch_status(&name(*pod), &PatchParams::default(), &Patch::Strategic(unready)).await);
            }
            Action::ProviderFault(method, fault) => self.world.backend().fail_next(*method, translate(*fault)),
            Action::Weather(percent) => self.weather.set(*percent),
            Action::RestartServer => self.server.restart(),
            Action::Compact => self.server.change(|kernel, _| kernel.compact()),
            Action::Crash(down) => {
                if let Some(agent) = self.agent.take() {
                    agent.kill();
                }
                tokio::time::sleep(*down).await;
                self.agent = Some(self.world.start_agent().await);
            }
        }
    }

    async fn create(&mut self, pod: usize, once: bool) {
        if self.world.pod(&name(pod)).await.is_none() {
            let policy = if once { "Never" } else { "Always" };
            let uid = self.world.create_pod_with(&name(pod), json!({"restartPolicy": policy})).await;
            self.facts.created.insert(uid);
        }
    }

    async fn delete(&self, pod: usize, grace: Option<u32>) {
        let params = DeleteParams { grace_period_seconds: grace, ..DeleteParams::default() };
        // There may be no such pod just now.
        drop(self.world.pods().delete(&name(pod), &params).await);
    }

    fn each_workload(&self, pod: usize, act: impl Fn(&World, &PodUid)) {
        for (uid, _) in self.world.backend().named(&self.world.key(&name(pod))) {
            act(&self.world, &uid);
        }
    }

    fn outcome(mut self) -> Outcome {
        let ledger = self.world.backend().ledger();
        self.facts.held = self.world.backend().uids().into_iter().collect();
        let requests = self.server.inspect(|kernel| {
            self.facts.read(kernel);
            kernel.requests().cloned().collect::<Vec<_>>()
        });
        let mut hasher = DefaultHasher::new();
        format!("{ledger:?}").hash(&mut hasher);
        format!("{requests:?}").hash(&mut hasher);
        Outcome {
            trace: hasher.finish(),
            violations: judge(&ledger, &self.facts),
            starts: ledger.iter().filter(|entry| entry.what == crate::backend::Happening::Started).count(),
            requests: requests.len(),
        }
    }
}

fn name(pod: usize) -> String {
    debug_assert!(pod < NAMES);
    format!("pod-{pod}")
}

fn translate(fault: ProviderFault) -> Fault {
    match fault {
        ProviderFault::Unavailable => Fault::Refuse(Error::unavailable("bad weather")),
        ProviderFault::LoseReply => Fault::LoseReply,
        ProviderFault::Delay(milliseconds) => Fault::Delay(Duration::from_millis(milliseconds)),
        ProviderFault::Panic => Fault::Panic,
    }
}

/// UIDs, for the facts that a run leaves.
pub(super) type Uids = BTreeSet<PodUid>;

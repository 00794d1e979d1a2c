//! Probes: asked while a container runs; what they answer decides whether it counts as up, goes on, and can serve.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vk_core::{Error, Now};

use super::container::{ContainerRecord, Stage, Step};
use super::effect::{Call, EffectId};
use super::event::ProbeAnswer;
use super::{Effects, PodMachine, words};
use crate::plan::{ProbeKind, ProbePlan};
use crate::runtime::RunState;

/// What the probes of one run have found out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Vigil {
    attempt: u32,
    /// When the run began, on the monotonic clock.
    since: Duration,
    startup: Watch,
    liveness: Watch,
    readiness: Watch,
}

/// How one probe stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Watch {
    /// What counts until enough answers in a row say otherwise.
    verdict: bool,
    /// The newest answer, and how often it came in a row.
    streak: (bool, u32),
    /// Not before this time; `None` before the first one.
    next: Option<Duration>,
    call: Option<EffectId>,
}

impl Watch {
    fn assuming(verdict: bool) -> Self {
        Self { verdict, streak: (verdict, 0), next: None, call: None }
    }

    /// Counts an answer. Answers whether the verdict has just been given.
    fn count(&mut self, passed: bool, plan: &ProbePlan) -> bool {
        let before = if self.streak.0 == passed { self.streak.1 } else { 0 };
        self.streak = (passed, before.saturating_add(1));
        let needed = if passed { plan.successes } else { plan.failures };
        let given = self.streak.1 == needed;
        if given {
            self.verdict = passed;
        }
        given
    }

    fn due(&self, since: Duration, plan: &ProbePlan) -> Option<Duration> {
        self.call.is_none().then(|| self.next.unwrap_or_else(|| since.saturating_add(plan.initial_delay)))
    }
}

impl Vigil {
    fn watch(&self, kind: ProbeKind) -> &Watch {
        match kind {
            ProbeKind::Startup => &self.startup,
            ProbeKind::Liveness => &self.liveness,
            ProbeKind::Readiness => &self.readiness,
        }
    }

    fn watch_mut(&mut self, kind: ProbeKind) -> &mut Watch {
        match kind {
            ProbeKind::Startup => &mut self.startup,
            ProbeKind::Liveness => &mut self.liveness,
            ProbeKind::Readiness => &mut self.readiness,
        }
    }
}

impl PodMachine {
    /// Asks the probes that are due.
    pub(super) fn ask_probes(&mut self, now: Now, effects: &mut Effects) {
        for index in 0..self.containers.len() {
            if !self.is_probed(&self.containers[index]) {
                continue;
            }
            self.containers[index].begin_vigil(now);
            for kind in ProbeKind::ALL {
                self.ask_probe(index, kind, now, effects);
            }
        }
    }

    fn ask_probe(&mut self, index: usize, kind: ProbeKind, now: Now, effects: &mut Effects) {
        let record = &self.containers[index];
        let due = self.due(record, kind).is_some_and(|due| due <= now.mono);
        let Some(id) = record.run.as_ref().and_then(|run| run.id.clone()).filter(|_| due) else { return };
        let id = self.call(Call::Probe { container: record.name.clone(), id, kind }, effects);
        if let Some(vigil) = &mut self.containers[index].vigil {
            vigil.watch_mut(kind).call = Some(id);
        }
    }

    /// When a probe is to be asked next, unless it is under way or has to wait for another one.
    fn due(&self, record: &ContainerRecord, kind: ProbeKind) -> Option<Duration> {
        let plan = self.plan_of(record)?.checks.probe(kind)?;
        let vigil = record.current_vigil()?;
        // Once it is up, a container is not asked again whether it is; the others wait for that.
        let waits = (kind == ProbeKind::Startup) == self.has_come_up(record);
        vigil.watch(kind).due(vigil.since, plan).filter(|_| !waits)
    }

    /// When the next probe of a container is to be asked.
    pub(super) fn next_probe(&self, record: &ContainerRecord) -> Option<Duration> {
        ProbeKind::ALL.into_iter().filter_map(|kind| self.due(record, kind)).min()
    }

    /// Whether the container is probed now.
    pub(super) fn is_probed(&self, record: &ContainerRecord) -> bool {
        let runs =
            record.run.as_ref().is_some_and(|run| run.confirmed && matches!(run.state, RunState::Running { .. }));
        let has_probes = self.plan_of(record).is_some_and(|plan| plan.checks.has_probes());
        runs && has_probes && self.wants_starts() && record.stopping.is_none() && !record.is_in_post_start()
    }

    /// Whether the newest run, which runs, has come up as far as hooks and startup probes tell.
    pub(super) fn has_come_up(&self, record: &ContainerRecord) -> bool {
        let startup = self.plan_of(record).is_some_and(|plan| plan.checks.startup.is_some());
        let passed = record.current_vigil().is_some_and(|vigil| vigil.startup.verdict);
        !record.is_in_post_start() && (!startup || passed)
    }

    /// Whether a running container counts as started and as ready; `None` where nothing asks.
    pub(super) fn observe_health(&self, record: &ContainerRecord) -> (Option<bool>, Option<bool>) {
        let Some(checks) = self.plan_of(record).map(|plan| &plan.checks) else { return (None, None) };
        let asks = checks.startup.is_some() || checks.post_start;
        let started = asks.then(|| self.has_come_up(record));
        let passes = || record.current_vigil().map_or(record.was_ready(), |vigil| vigil.readiness.verdict);
        let ready = match (started, &checks.readiness) {
            (Some(false), _) => Some(false),
            (_, Some(_)) => Some(passes()),
            (_, None) => None,
        };
        (started, ready)
    }

    /// A probe was answered, or could not be asked: then nothing is known.
    pub(super) fn probed(
        &mut self,
        container: &str,
        kind: ProbeKind,
        id: EffectId,
        result: Result<ProbeAnswer, Error>,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(index) = self.containers.iter().position(|record| record.name == container) else { return };
        let plan = self.plan_of(&self.containers[index]).and_then(|plan| plan.checks.probe(kind)).cloned();
        let is_current = self.containers[index].current_vigil().is_some();
        let Some(vigil) = self.containers[index].vigil.as_mut() else { return };
        let watch = vigil.watch_mut(kind);
        let Some(plan) = plan.filter(|_| watch.call == Some(id)) else { return };
        watch.call = None;
        watch.next = Some(now.mono.saturating_add(plan.period));
        let Ok(answer) = result else { return };
        let given = watch.count(answer == ProbeAnswer::Passed, &plan);
        // What the old run answered, or one that is being stopped, is nobody's concern.
        if !is_current || !self.is_probed(&self.containers[index]) {
            return;
        }
        let ProbeAnswer::Failed(why) = answer else { return };
        let message = format!("{} probe failed: {why}", kind.title());
        self.record(words::warning(Some(container), "Unhealthy", &message), effects);
        if given && kind != ProbeKind::Readiness {
            let deadline = now.mono.saturating_add(plan.grace.unwrap_or_else(|| self.grace()));
            let why = format!("failed {} probe, will be restarted", kind.title().to_lowercase());
            self.containers[index].condemn(deadline, &why);
        }
    }
}

impl ContainerRecord {
    /// Begins to watch the newest run, unless that is done already.
    fn begin_vigil(&mut self, now: Now) {
        let Some(run) = self.run.as_ref().filter(|_| self.current_vigil().is_none()) else { return };
        let attempt = run.attempt;
        let age = match run.state {
            RunState::Running { started_at: Some(at) } => {
                Duration::try_from(now.wall.duration_since(at)).unwrap_or_default()
            }
            _ => Duration::ZERO,
        };
        // What was found out before the agent was restarted holds until it is found to have changed.
        let known = self.remembered.filter(|(of, _)| *of == attempt).map(|(_, health)| health).unwrap_or_default();
        self.vigil = Some(Vigil {
            attempt,
            since: now.mono.saturating_sub(age),
            startup: Watch::assuming(known.started),
            liveness: Watch::assuming(true),
            readiness: Watch::assuming(known.ready),
        });
    }

    /// What probes have found out about the newest run, if they have been asked.
    fn current_vigil(&self) -> Option<&Vigil> {
        let attempt = self.run.as_ref().map(|run| run.attempt);
        self.vigil.as_ref().filter(|vigil| Some(vigil.attempt) == attempt)
    }

    fn was_ready(&self) -> bool {
        let attempt = self.run.as_ref().map(|run| run.attempt);
        self.remembered.is_some_and(|(of, health)| Some(of) == attempt && health.ready)
    }

    fn is_in_post_start(&self) -> bool {
        matches!(self.step, Step::Calling { stage: Stage::PostStart, .. })
    }
}

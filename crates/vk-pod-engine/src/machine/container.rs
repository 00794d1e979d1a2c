//! [`ContainerRecord`]: one container of a pod, as the machine knows it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vk_core::{ContainerKind, Now, Terminated};

use super::delay::{Growing, RestartDelay};
use super::effect::EffectId;
use super::probe::Vigil;
use crate::plan::Health;
use crate::runtime::{ContainerId, RunState, Signal};

/// One container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ContainerRecord {
    pub(super) name: String,
    pub(super) kind: ContainerKind,
    /// The newest run.
    pub(super) run: Option<Run>,
    /// How the run before it ended.
    pub(super) previous: Option<Terminated>,
    /// Where the log of that run is.
    pub(super) previous_id: Option<ContainerId>,
    /// Runs that nobody needs any more.
    pub(super) superseded: Vec<ContainerId>,
    /// Number of the next run. Never falls.
    pub(super) next_attempt: u32,
    /// What is under way towards the next run.
    pub(super) step: Step,
    /// What is shown while it waits.
    pub(super) notice: Option<Notice>,
    pub(super) stopping: Option<Stopping>,
    /// What probes have found out about the newest run.
    pub(super) vigil: Option<Vigil>,
    /// The run that is being replaced because the plan names another image now.
    pub(super) replaced: Option<u32>,
    /// When the newest run was started by this machine: however the runtime's clock stands, it has not ended before.
    pub(super) begun: Option<(u32, Duration)>,
    /// The run that has to end although the pod goes on.
    pub(super) condemned: Option<Condemned>,
    /// What the API remembers of the health of a run.
    pub(super) remembered: Option<(u32, Health)>,
    pub(super) restart_delay: RestartDelay,
    /// The run whose restart delay has been started.
    pub(super) delayed_after: Option<u32>,
    pub(super) pull_delay: Growing,
    pub(super) trouble_delay: Growing,
    /// Lists from before this point of the sequence do not know the newest run.
    pub(super) fence: u64,
    /// A call that may have started a run got no answer: nothing is known before the next list.
    pub(super) doubtful: bool,
}

/// One run of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) attempt: u32,
    /// `None` for a run that only the API remembers.
    pub(super) id: Option<ContainerId>,
    pub(super) sandbox_attempt: Option<u32>,
    /// `None` for a run that only the API remembers.
    pub(super) spec_hash: Option<String>,
    pub(super) image: String,
    pub(super) image_id: String,
    pub(super) state: RunState,
    /// The runtime has listed it in this state. Until then it is shown as waiting: when it started, and whether it still
    /// runs, is not known yet.
    pub(super) confirmed: bool,
}

/// What is under way towards the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Step {
    Idle,
    /// Not before this time.
    Paused {
        until: Duration,
        why: Pause,
    },
    /// A call, which decides what comes next.
    Calling {
        id: EffectId,
        stage: Stage,
    },
}

/// Why a container waits for time to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Pause {
    /// It ended too often.
    Restart,
    /// Its image could not be fetched.
    Pull,
    /// Something it refers to is missing, or the runtime refused it.
    Trouble,
    /// The runtime did not answer.
    Unanswered,
}

/// The call that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Stage {
    FindImage,
    Pull,
    Create,
    Start,
    PostStart,
}

/// What people see while a container waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Notice {
    pub(super) reason: String,
    pub(super) message: String,
    /// What it turns into, and when.
    pub(super) later: Option<Later>,
}

/// What a [`Notice`] turns into.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Later {
    pub(super) at: Duration,
    pub(super) reason: String,
    pub(super) message: String,
}

/// How far the stop of a running container has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Stopping {
    /// When it is killed.
    pub(super) deadline: Duration,
    /// What it has been sent.
    pub(super) sent: Option<Signal>,
    /// The next signal may be sent at this time: after a failure, or when a kill had no effect.
    pub(super) again: Option<Duration>,
    /// How far the hook has come that runs before.
    pub(super) pre_stop: PreStop,
}

/// How far `lifecycle.preStop` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum PreStop {
    /// It has not been run, if there is one.
    Due,
    UnderWay(EffectId),
    Done,
}

/// A run that has to end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Condemned {
    pub(super) attempt: u32,
    pub(super) deadline: Duration,
    /// As in `failed liveness probe, will be restarted`.
    pub(super) why: String,
}

impl Notice {
    pub(super) fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), later: None }
    }

    /// The same, turning into this after a while.
    pub(super) fn then(mut self, at: Duration, reason: &str, message: impl Into<String>) -> Self {
        self.later = Some(Later { at, reason: reason.to_owned(), message: message.into() });
        self
    }
}

impl Run {
    /// Whether it has got further than its creation.
    pub(super) fn has_started(&self) -> bool {
        self.state != RunState::Created
    }
}

impl ContainerRecord {
    pub(super) fn new(name: &str, kind: ContainerKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            run: None,
            previous: None,
            previous_id: None,
            superseded: Vec::new(),
            next_attempt: 0,
            step: Step::Idle,
            notice: None,
            stopping: None,
            vigil: None,
            replaced: None,
            begun: None,
            condemned: None,
            remembered: None,
            restart_delay: RestartDelay::default(),
            delayed_after: None,
            pull_delay: Growing::default(),
            trouble_delay: Growing::default(),
            fence: 0,
            doubtful: false,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.run.as_ref().is_some_and(|run| matches!(run.state, RunState::Running { .. }))
    }

    /// Whether a call is under way that may bring a run into being or to life.
    pub(super) fn is_starting(&self) -> bool {
        matches!(self.step, Step::Calling { stage: Stage::Create | Stage::Start, .. })
    }

    /// Whether it runs, is about to, or may do so for all that is known.
    pub(super) fn may_run(&self) -> bool {
        self.is_running() || self.is_starting() || self.doubtful
    }

    /// Whether some run got further than its creation.
    pub(super) fn has_run(&self) -> bool {
        self.next_attempt > 0
    }

    /// Whether the newest run ends, or has ended, only because the plan names another image now.
    pub(super) fn is_replaced(&self) -> bool {
        self.replaced.is_some() && self.replaced == self.run.as_ref().map(|run| run.attempt)
    }

    /// How the newest run ended, if it did.
    pub(super) fn ended(&self) -> Option<&Terminated> {
        match &self.run.as_ref()?.state {
            RunState::Exited(ended) => Some(ended),
            RunState::Created | RunState::Running { .. } => None,
        }
    }

    /// Puts a run in place of the one known so far.
    pub(super) fn set_run(&mut self, run: Run) {
        if run.has_started() && run.attempt >= self.next_attempt {
            if self.next_attempt == 0 && run.attempt > 0 {
                // Its history was made before this agent started.
                self.restart_delay = RestartDelay::after_restarts(run.attempt);
            }
            self.next_attempt = run.attempt + 1;
        } else {
            self.next_attempt = self.next_attempt.max(run.attempt);
        }
        if let RunState::Exited(_) = run.state {
            self.stopping = None;
        }
        let supersedes = self.run.as_ref().is_some_and(|old| old.attempt < run.attempt);
        if supersedes && let Some(ended) = self.ended().cloned() {
            self.superseded.extend(self.previous_id.take());
            self.previous_id = self.run.as_ref().and_then(|old| old.id.clone());
            self.previous = Some(ended);
        }
        if matches!(run.state, RunState::Running { .. }) {
            self.notice = None;
            self.pull_delay.reset();
            self.trouble_delay.reset();
        }
        self.run = Some(run);
    }

    pub(super) fn pause(&mut self, now: Now, delay: Duration, why: Pause) {
        self.step = Step::Paused { until: now.mono.saturating_add(delay), why };
    }
}

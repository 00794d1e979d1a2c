//! One mock container: its runs, restarts and back-off.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vk_core::{ContainerKind, ContainerObservation, ContainerState, PodUid, Terminated};

use super::clock::after;
use crate::script::{ContainerScript, PlannedEnd};

/// The kubelet's delays between restarts: the first is at once, then these, doubling.
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);
/// A run of this length makes the kubelet forget earlier crashes.
const FORGETS_CRASHES_AFTER: Duration = Duration::from_secs(600);

/// When a container that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Restart {
    Always,
    OnFailure,
    Never,
}

impl Restart {
    /// The policy of a container; one of its own wins over the pod's.
    pub(crate) fn of(kind: ContainerKind, own: Option<&str>, pod: Option<&str>) -> Self {
        let policy = match own.or(pod) {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        };
        match kind {
            ContainerKind::Sidecar => Self::Always,
            // An init container that ended well has done its work.
            ContainerKind::Init if policy == Self::Always => Self::OnFailure,
            _ => policy,
        }
    }

    fn wanted_after(self, exit_code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => exit_code != 0,
            Self::Never => false,
        }
    }
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Run {
    /// Not started yet.
    Pending,
    Running {
        started_at: Timestamp,
        /// How the run ends, if an end is planned.
        end: Option<End>,
    },
    /// Ended, and will be started again.
    BackOff { until: Timestamp, ended: Terminated },
    /// Ended for good.
    Ended(Terminated),
}

/// The end of a run that is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) at: Timestamp,
    exit_code: i32,
    reason: Option<String>,
}

/// A stop of the whole pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) requested_at: Timestamp,
    pub(crate) deadline: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) kind: ContainerKind,
    pub(crate) image: String,
    pub(crate) restart: Restart,
    pub(crate) run: Run,
    /// The run before the one that `run` tells of.
    pub(crate) last: Option<Terminated>,
    pub(crate) restarts: u32,
    back_off: Duration,
}

impl Container {
    pub(crate) fn new(name: String, kind: ContainerKind, image: String, restart: Restart) -> Self {
        Self { name, kind, image, restart, run: Run::Pending, last: None, restarts: 0, back_off: Duration::ZERO }
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.run, Run::Running { .. })
    }

    /// The moment at which something happens to this container by itself.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        match &self.run {
            Run::Running { end: Some(end), .. } => Some(end.at),
            Run::BackOff { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Starts the first run, or the next one after a back-off.
    pub(crate) fn start(&mut self, at: Timestamp, script: Option<&ContainerScript>) {
        if let Run::BackOff { ended, .. } = std::mem::replace(&mut self.run, Run::Pending) {
            self.last = Some(ended);
            self.restarts += 1;
        }
        let end = planned_end(self.kind, self.restarts, script).map(|planned| End {
            at: after(at, planned.after),
            exit_code: planned.exit_code,
            reason: planned.reason,
        });
        self.run = Run::Running { started_at: at, end };
    }

    /// Ends the run that is under way as planned.
    pub(crate) fn end(&mut self, uid: &PodUid) {
        let Run::Running { started_at, end: Some(end) } = &self.run else { return };
        let terminated = self.terminated(uid, *started_at, end);
        self.run = Run::Ended(terminated);
    }

    /// Ends the run that is under way now, whatever was planned.
    pub(crate) fn kill(&mut self, uid: &PodUid, at: Timestamp, exit_code: i32) {
        let Run::Running { started_at, .. } = &self.run else { return };
        let terminated = self.terminated(uid, *started_at, &End { at, exit_code, reason: None });
        self.run = Run::Ended(terminated);
    }

    /// Ends the run that is under way, if there is one, and starts the next.
    pub(crate) fn replace(&mut self, uid: &PodUid, at: Timestamp, script: Option<&ContainerScript>) {
        self.kill(uid, at, 0);
        if let Run::Ended(ended) = &self.run {
            self.run = Run::BackOff { until: at, ended: ended.clone() };
            self.start(at, script);
        }
    }

    /// After the end of a run: plans the next one if the restart policy wants one.
    pub(crate) fn plan_restart(&mut self, at: Timestamp) {
        let Run::Ended(ended) = &self.run else { return };
        if !self.restart.wanted_after(ended.exit_code) {
            return;
        }
        if ended.duration().is_some_and(|duration| duration >= FORGETS_CRASHES_AFTER) {
            self.back_off = Duration::ZERO;
        }
        let until = after(at, self.back_off);
        self.back_off = (self.back_off * 2).clamp(FIRST_BACK_OFF, LONGEST_BACK_OFF);
        self.run = Run::BackOff { until, ended: ended.clone() };
    }

    /// Plans the end of the run for a stop; what waits for a restart is not started again.
    pub(crate) fn stop(&mut self, stop: Stop, delay: Duration) {
        match &mut self.run {
            Run::Running { end, .. } => {
                let by_itself = after(stop.requested_at, delay);
                let planned = if by_itself < stop.deadline {
                    End { at: by_itself, exit_code: 0, reason: None }
                } else {
                    End { at: stop.deadline, exit_code: 137, reason: None }
                };
                if end.as_ref().is_none_or(|scripted| planned.at <= scripted.at) {
                    *end = Some(planned);
                }
            }
            Run::BackOff { ended, .. } => self.run = Run::Ended(ended.clone()),
            Run::Pending | Run::Ended(_) => {}
        }
    }

    pub(crate) fn observe(&self, uid: &PodUid, waiting: &str) -> ContainerObservation {
        let (state, last) = match &self.run {
            Run::Pending => (ContainerState::waiting(waiting, ""), None),
            Run::Running { started_at, .. } => {
                (ContainerState::Running { started_at: Some(*started_at) }, self.last.clone())
            }
            Run::BackOff { ended, .. } => {
                let message =
                    format!("back-off {}s restarting failed container={}", self.back_off.as_secs(), self.name);
                (ContainerState::waiting("CrashLoopBackOff", message), Some(ended.clone()))
            }
            Run::Ended(ended) => (ContainerState::Terminated(ended.clone()), self.last.clone()),
        };
        let mut observation = ContainerObservation::new(self.name.as_str(), self.kind, state);
        observation.last = last;
        observation.restarts = self.restarts;
        observation.image.clone_from(&self.image);
        observation.image_id.clone_from(&self.image);
        if self.run != Run::Pending {
            observation.container_id = self.id(uid);
        }
        observation
    }

    fn terminated(&self, uid: &PodUid, started_at: Timestamp, end: &End) -> Terminated {
        let mut terminated = Terminated::with_exit_code(end.exit_code);
        if let Some(reason) = &end.reason {
            terminated.reason.clone_from(reason);
        }
        terminated.started_at = Some(started_at);
        terminated.finished_at = Some(end.at);
        terminated.container_id = self.id(uid);
        terminated
    }

    fn id(&self, uid: &PodUid) -> String {
        format!("mock://{uid}/{}/{}", self.name, self.restarts)
    }
}

fn planned_end(kind: ContainerKind, restarts: u32, script: Option<&ContainerScript>) -> Option<PlannedEnd> {
    let scripted = script.and_then(|script| script.planned_end(restarts));
    // An init container that lasted for ever would keep its pod from starting.
    let at_once = || PlannedEnd { after: Duration::ZERO, exit_code: 0, reason: None };
    if kind == ContainerKind::Init { scripted.or_else(|| Some(at_once())) } else { scripted }
}

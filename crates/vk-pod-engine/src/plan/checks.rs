//! [`Checks`]: the probes and hooks of a container, as far as its machine has to know them. What is asked is read from the pod
//! at the moment it is asked.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use serde::{Deserialize, Serialize};

/// Seconds between two probes, where a pod says nothing.
const DEFAULT_PERIOD: i32 = 10;
/// Failures in a row that count, where a pod says nothing.
const DEFAULT_FAILURES: i32 = 3;

/// Which question a probe answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProbeKind {
    /// Whether the container has come up; the others wait for it.
    Startup,
    /// Whether it is to go on.
    Liveness,
    /// Whether it can serve.
    Readiness,
}

/// When something runs beside a container's own life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Hook {
    /// `lifecycle.postStart`: right after the start.
    PostStart,
    /// `lifecycle.preStop`: before the stop signal, within the grace.
    PreStop,
}

/// What runs beside a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checks {
    /// `startupProbe`.
    pub startup: Option<ProbePlan>,
    /// `livenessProbe`.
    pub liveness: Option<ProbePlan>,
    /// `readinessProbe`.
    pub readiness: Option<ProbePlan>,
    /// Whether there is a `lifecycle.postStart`.
    pub post_start: bool,
    /// Whether there is a `lifecycle.preStop`.
    pub pre_stop: bool,
}

/// When a probe is asked, and when its answers count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProbePlan {
    /// `initialDelaySeconds`, after the start of the container.
    pub initial_delay: Duration,
    /// `periodSeconds`.
    pub period: Duration,
    /// `successThreshold`.
    pub successes: u32,
    /// `failureThreshold`.
    pub failures: u32,
    /// `terminationGracePeriodSeconds`; the pod's own if missing.
    pub grace: Option<Duration>,
}

impl ProbeKind {
    /// All of them, in the order in which they matter.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// As in `Liveness probe failed`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

impl Checks {
    /// The checks of a container.
    pub fn of(container: &Container) -> Self {
        let lifecycle = container.lifecycle.as_ref();
        Self {
            startup: container.startup_probe.as_ref().map(ProbePlan::of),
            liveness: container.liveness_probe.as_ref().map(ProbePlan::of),
            readiness: container.readiness_probe.as_ref().map(ProbePlan::of),
            post_start: lifecycle.is_some_and(|lifecycle| lifecycle.post_start.is_some()),
            pre_stop: lifecycle.is_some_and(|lifecycle| lifecycle.pre_stop.is_some()),
        }
    }

    /// The probe of this kind, if there is one.
    pub fn probe(&self, kind: ProbeKind) -> Option<&ProbePlan> {
        match kind {
            ProbeKind::Startup => self.startup.as_ref(),
            ProbeKind::Liveness => self.liveness.as_ref(),
            ProbeKind::Readiness => self.readiness.as_ref(),
        }
    }

    /// Whether there is any probe.
    pub fn has_probes(&self) -> bool {
        ProbeKind::ALL.into_iter().any(|kind| self.probe(kind).is_some())
    }
}

impl ProbePlan {
    fn of(probe: &Probe) -> Self {
        let count =
            |value: Option<i32>, default: i32| value.filter(|value| *value > 0).unwrap_or(default).unsigned_abs();
        let seconds = |value, default| Duration::from_secs(count(value, default).into());
        let grace = probe.termination_grace_period_seconds.map(|seconds| seconds.max(1).unsigned_abs());
        Self {
            initial_delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, DEFAULT_PERIOD),
            successes: count(probe.success_threshold, 1),
            failures: count(probe.failure_threshold, DEFAULT_FAILURES),
            grace: grace.map(Duration::from_secs),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_pod_does_not_say_is_the_api_servers_default() {
        let container: Container = serde_json::from_value(json!({
            "name": "web",
            "livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 0},
            "readinessProbe": {
                "exec": {"command": ["true"]}, "initialDelaySeconds": 5, "periodSeconds": 2, "successThreshold": 4,
                "failureThreshold": 7, "terminationGracePeriodSeconds": 0,
            },
            "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
        }))
        .unwrap();
        let checks = Checks::of(&container);
        let seconds = Duration::from_secs;
        let (period, grace) = (seconds(10), None);
        let usual = ProbePlan { initial_delay: Duration::ZERO, period, successes: 1, failures: 3, grace };
        assert_eq!(checks.liveness, Some(usual));
        let grace = Some(seconds(1));
        let own = ProbePlan { initial_delay: seconds(5), period: seconds(2), successes: 4, failures: 7, grace };
        assert_eq!(checks.readiness, Some(own));
        assert!(checks.startup.is_none() && checks.has_probes() && checks.pre_stop && !checks.post_start);
    }
}

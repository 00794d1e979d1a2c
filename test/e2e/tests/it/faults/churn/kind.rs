//! What pods of a churn are meant to do.

use std::fmt;

use serde_json::{Value, json};

use crate::faults::Ledger;
use crate::stage::PodView;

/// What a pod does if it is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Runs on.
    Steady,
    /// Runs on after an init container.
    Initialized,
    /// Ends well after a second, and must not run again.
    Completing,
    /// Ends with an error after a moment, and must not run again.
    Failing,
    /// Ends with an error, runs once more and ends well.
    Retrying,
}

impl Kind {
    /// The kinds, some of them more often than others.
    pub(super) const MIXED: [Self; 7] = [
        Self::Steady,
        Self::Steady,
        Self::Initialized,
        Self::Initialized,
        Self::Completing,
        Self::Failing,
        Self::Retrying,
    ];

    /// A pod of this kind.
    pub(super) fn spec(self, ledger: &Ledger) -> Value {
        let (policy, main) = match self {
            Self::Steady | Self::Initialized => ("Always", ledger.sleeper("main")),
            Self::Completing => ("Never", ledger.container("main", "sleep 1; exit 0")),
            Self::Failing => ("Never", ledger.container("main", "exit 3")),
            Self::Retrying => ("OnFailure", ledger.container("main", "test $(grep -c start $ledger) -ge 2")),
        };
        let mut spec = ledger.spec(main);
        spec["restartPolicy"] = json!(policy);
        if self == Self::Initialized {
            spec["initContainers"] = json!([ledger.container("setup", "sleep 0.2; exit 0")]);
        }
        spec
    }

    /// Whether its container ends only if somebody ends it.
    pub(super) fn runs_on(self) -> bool {
        matches!(self, Self::Steady | Self::Initialized)
    }

    /// Whether nothing more is to come of a pod.
    pub(super) fn is_settled(self, pod: &PodView, crashes: u64) -> bool {
        match pod.phase() {
            "Succeeded" | "Failed" => true,
            "Running" => self.runs_on() && pod.condition("Ready") == "True" && pod.restarts("main") >= crashes,
            _ => false,
        }
    }

    /// What is wrong with a settled pod.
    pub(super) fn complaints(self, pod: &PodView, crashes: u64) -> Vec<String> {
        let (phase, restarts) = match self {
            Self::Steady | Self::Initialized => ("Running", crashes),
            Self::Completing => ("Succeeded", 0),
            Self::Failing => ("Failed", 0),
            Self::Retrying => ("Succeeded", 1),
        };
        let mut complaints = Vec::new();
        if pod.phase() != phase {
            complaints.push(format!("{}, not {phase}: {}", pod.phase(), pod.status()));
        }
        if pod.restarts("main") != restarts {
            complaints.push(format!("{} restarts, not {restarts}", pod.restarts("main")));
        }
        if self == Self::Failing && pod.terminated("main")["exitCode"] != 3 {
            complaints.push(format!("it ended otherwise: {}", pod.terminated("main")));
        }
        complaints
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Steady => "runs on",
            Self::Initialized => "runs on after init",
            Self::Completing => "ends well",
            Self::Failing => "ends badly",
            Self::Retrying => "fails, then ends well",
        })
    }
}

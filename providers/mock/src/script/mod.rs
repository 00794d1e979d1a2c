//! What a pod's annotations say about its life.
//!
//! The annotations themselves are listed in the crate's documentation.

mod faults;
mod parse;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use faults::{Call, Fault, FaultKind};
pub(crate) use parse::parse;
#[cfg(test)]
mod tests;

/// What all scripting annotations begin with.
pub const ANNOTATION_PREFIX: &str = "mock.virtual-kubelet.io/";

/// The script of one pod. The default is an uneventful life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) start_delay: Duration,
    pub(crate) provision_error: Option<FaultKind>,
    pub(crate) lose_after: Option<Duration>,
    pub(crate) disrupt_after: Option<Duration>,
    pub(crate) unreachable_after: Option<Duration>,
    /// How long contact stays lost; `None` means for ever.
    pub(crate) unreachable_for: Option<Duration>,
    pub(crate) containers: BTreeMap<String, ContainerScript>,
    pub(crate) faults: BTreeMap<Call, faults::CallFaults>,
}

/// The script of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContainerScript {
    /// How long each run takes that is no crash; `None` means until it is stopped.
    pub(crate) run_for: Option<Duration>,
    /// How the runs end: those that crash, if there are any.
    pub(crate) exit_code: Option<i32>,
    pub(crate) exit_reason: Option<String>,
    pub(crate) crashes: Crashes,
    /// How long a run takes that crashes.
    pub(crate) crash_after: Option<Duration>,
    pub(crate) stop_delay: Duration,
    pub(crate) log: Option<String>,
    pub(crate) log_interval: Option<Duration>,
    /// Thousandths of a processor that a run uses.
    pub(crate) cpu_millis: Option<u64>,
    /// Bytes of memory that a run uses.
    pub(crate) memory_bytes: Option<u64>,
}

/// How many runs of a container end in a crash before one goes well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Crashes {
    #[default]
    None,
    Times(u32),
    Forever,
}

/// How one run of a container ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedEnd {
    pub(crate) after: Duration,
    pub(crate) exit_code: i32,
    pub(crate) reason: Option<String>,
}

/// How long a run takes that is scripted to crash, where nothing else is said.
const CRASH_AFTER: Duration = Duration::from_secs(1);

impl Script {
    pub(crate) fn container(&self, name: &str) -> Option<&ContainerScript> {
        self.containers.get(name)
    }

    /// What the script says about the `count`th such call (the first is 1).
    pub(crate) fn fault(&self, call: Call, count: u32) -> Option<Fault> {
        self.faults.get(&call)?.of_call(count)
    }
}

impl ContainerScript {
    /// How the run after `restarts` restarts ends by itself, if it does.
    pub(crate) fn planned_end(&self, restarts: u32) -> Option<PlannedEnd> {
        let crashes = match self.crashes {
            Crashes::None => false,
            Crashes::Times(times) => restarts < times,
            Crashes::Forever => true,
        };
        if crashes {
            let after = self.crash_after.unwrap_or(CRASH_AFTER);
            return Some(self.end(after, 1));
        }
        let after = self.run_for?;
        // Exit code and reason are those of the crashes, where there have been some.
        Some(match self.crashes {
            Crashes::None => self.end(after, 0),
            _ => PlannedEnd { after, exit_code: 0, reason: None },
        })
    }

    fn end(&self, after: Duration, usual_exit_code: i32) -> PlannedEnd {
        PlannedEnd { after, exit_code: self.exit_code.unwrap_or(usual_exit_code), reason: self.exit_reason.clone() }
    }
}

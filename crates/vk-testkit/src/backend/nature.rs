//! What kind of back end it is: how it is found again, how long it remembers, how it starts and stops things.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use virtual_kubelet::controller::env::Random;
use virtual_kubelet::core::resolved::Resolution;
use virtual_kubelet::core::support::SupportTable;
use virtual_kubelet::provider::{Description, Observe, PollPolicy, Recovery, Retention};

/// How the containers of a pod that is told to stop behave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopStyle {
    /// They end at once.
    #[default]
    AtOnce,
    /// They take so many milliseconds; at the deadline they are killed.
    Slow(u64),
    /// They ignore the signal, and are killed at the deadline.
    Stubborn,
}

/// The nature of a back end. The default starts and stops at once, pushes, lists and remembers everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nature {
    /// Only the handle leads back to a pod, and nothing can be listed; else UIDs do.
    pub by_handle: bool,
    /// Finished pods are forgotten after so many milliseconds; `None`: never.
    pub forgets_after: Option<u64>,
    /// It guarantees that nothing runs any more of what it has lost.
    pub fences: bool,
    /// Changes have to be asked for.
    pub polled: bool,
    /// References are resolved by the core before a pod is created.
    pub inline: bool,
    /// So many milliseconds after it was accepted a pod can be seen.
    pub hidden_for: u64,
    /// So many milliseconds after it was accepted a pod starts.
    pub starts_after: u64,
    /// An init container runs for so many milliseconds.
    pub init_takes: u64,
    /// Sidecars run on for so many milliseconds when the other containers have ended, within the pod's grace.
    pub sidecars_take: u64,
    /// How pods stop.
    pub stop: StopStyle,
    /// It restarts containers as the pod's policy says; else a pod is over when its containers are.
    pub restarts: bool,
    /// Everything is told twice.
    pub tells_twice: bool,
    /// Answers to `create` and `terminate` say nothing of the pod.
    pub answers_bare: bool,
    /// Lists come in pages of so many pods; 0: in one.
    pub page: usize,
}

impl Nature {
    /// The nature that these numbers make.
    pub fn drawn(random: &Random) -> Self {
        let one_in = |bound: u64| random.next_u64().is_multiple_of(bound);
        let up_to = |bound: u64| random.next_u64() % bound;
        let by_handle = one_in(5);
        let drawn = Self {
            by_handle,
            forgets_after: one_in(4).then(|| 20_000 + up_to(40_000)),
            fences: one_in(4),
            polled: one_in(3),
            inline: one_in(2),
            hidden_for: if !by_handle && one_in(4) { 1 + up_to(3000) } else { 0 },
            starts_after: if one_in(2) { up_to(4000) } else { 0 },
            init_takes: up_to(1500),
            stop: match up_to(4) {
                0 => StopStyle::Slow(up_to(8000)),
                1 => StopStyle::Stubborn,
                _ => StopStyle::AtOnce,
            },
            restarts: one_in(2),
            tells_twice: one_in(4),
            answers_bare: one_in(3),
            page: if one_in(3) { 1 + usize::try_from(up_to(3)).unwrap_or(0) } else { 0 },
            sidecars_take: 0,
        };
        // Without another draw: seeds make the schedules that they have always made.
        let sidecars_take = if drawn.init_takes.is_multiple_of(3) { drawn.init_takes * 4 } else { 0 };
        Self { sidecars_take, ..drawn }
    }

    /// How such a back end describes itself.
    pub fn description(&self) -> Description {
        let mut description = Description::new("simulated");
        description.support = SupportTable::everything();
        description.recovery = if self.by_handle { Recovery::ByHandle } else { Recovery::ByUid };
        description.retention = self.forgets_after.map_or(Retention::UntilRemoved, |_| Retention::Forgets);
        description.recreates_lost = self.fences;
        description.settle = millis(self.hidden_for) * 2;
        description.resolution = if self.inline { Resolution::Inline } else { Resolution::References };
        if self.polled {
            let policy = PollPolicy::new(millis(1000), millis(5000), 100_000);
            description.observe = Observe::Poll(policy);
        }
        description
    }
}

pub(super) fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

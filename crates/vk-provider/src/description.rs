//! What a provider declares about itself once, when it is opened.

use std::time::Duration;

use vk_core::resolved::Resolution;
use vk_core::support::SupportTable;

use crate::interfaces::Interfaces;

/// The fixed facts about a provider.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Description {
    /// Short lower-case name, as in `--provider docker`.
    pub name: String,
    /// Which fields of a pod the back end honours; the core refuses or warns about the others (invariant 11).
    pub support: SupportTable,
    /// How a pod is found again after a restart of the agent.
    pub recovery: Recovery,
    /// How long after an accepted `create` absence proves nothing.
    pub settle: Duration,
    /// How long finished work stays visible.
    pub retention: Retention,
    /// Whether a pod that the back end lost may be created again under `OnFailure` and `Always` (fenced re-creation): the
    /// provider guarantees that nothing of the lost one runs any more, and starts no container again that the status of the
    /// pod shows as ended for good. Otherwise such a pod fails.
    pub recreates_lost: bool,
    /// How changes reach the core.
    pub observe: Observe,
    /// Who resolves references to ConfigMaps, Secrets and the like.
    pub resolution: Resolution,
    /// What the back end offers beyond running pods.
    pub interfaces: Interfaces,
}

impl Description {
    /// A back end that finds pods by UID, remembers them until they are removed, pushes changes, and has no further
    /// interface. Set what differs.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            support: SupportTable::minimal(),
            recovery: Recovery::ByUid,
            settle: Duration::ZERO,
            retention: Retention::UntilRemoved,
            recreates_lost: false,
            observe: Observe::Push { safety_net: Duration::from_secs(60) },
            resolution: Resolution::Inline,
            interfaces: Interfaces::default(),
        }
    }
}

/// How a pod is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// `list` is complete, finished work included.
    ByUid,
    /// Only the handle leads back to the pod; `list` may be empty. A handle that is lost with the answer to its `create` is
    /// told again by the next `create`, which is idempotent by UID; `lookup` without a handle should find the pod by a tag that
    /// carries its UID where the back end can search for one, since a pod that is deleted by then is not created again.
    ByHandle,
}

/// How long finished work stays visible in the back end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Until `remove`: absence is proof that it never was, or that someone else removed it.
    UntilRemoved,
    /// For a while; the core records its intent in `status.startTime` before `create` (invariant 3).
    Forgets,
}

/// How changes reach the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observe {
    /// By `watch`; the core lists every `safety_net` all the same.
    Push {
        /// Time between two lists.
        safety_net: Duration,
    },
    /// By polling.
    Poll(PollPolicy),
}

/// How often the core may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollPolicy {
    /// Shortest time between two reads while some pod is in transition.
    pub transition: Duration,
    /// Time between two reads when every pod is steady.
    pub steady: Duration,
    /// Upper bound of reads (`list` pages and `lookup`s together) per hour. The first lookup of a pod that is deleted before
    /// it was found is paid out of it, and does not wait until it can be.
    pub reads_per_hour: u32,
}

impl PollPolicy {
    /// Reads at these intervals, within the budget.
    pub fn new(transition: Duration, steady: Duration, reads_per_hour: u32) -> Self {
        Self { transition, steady, reads_per_hour }
    }
}

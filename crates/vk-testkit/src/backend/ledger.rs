//! What really happened in the back end: the invariants are checked against this, not against what anybody was told.

use std::time::Duration;

use virtual_kubelet::core::PodUid;

/// One thing that happened to one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Since the back end was made.
    pub at: Duration,
    /// Which pod.
    pub uid: PodUid,
    /// What.
    pub what: Happening,
}

/// Something that happened to a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Its containers started.
    Started,
    /// Its containers ended by themselves.
    Ended {
        /// With this code.
        exit_code: i32,
    },
    /// It was told to stop, and did.
    Stopped,
    /// It vanished.
    Lost,
    /// The agent let go of it.
    Released {
        /// It was running still, which must not be.
        running: bool,
    },
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) entries: Vec<Entry>,
}

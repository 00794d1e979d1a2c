//! What really happened in the back end: the invariants are checked against this, not against what anybody was told.

use std::collections::BTreeMap;
use std::time::Duration;

use virtual_kubelet::core::{PodKey, PodUid};

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
    /// Its first container started.
    Started,
    /// It ended by itself.
    Ended {
        /// With this code.
        exit_code: i32,
    },
    /// It was told to stop, and did.
    Stopped,
    /// The platform ended it.
    Disrupted,
    /// It had been accepted, and could not be started.
    CreateFailed,
    /// It vanished.
    Lost,
    /// It had ended long ago, and is forgotten.
    Forgotten,
    /// It was to be created although it was there, and could be seen.
    CreatedAgain,
    /// The agent let go of it.
    Released {
        /// It was running still, which must not be.
        running: bool,
    },
}

/// The life of one object of the back end. A pod should have one; each further one is a further start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The pod.
    pub uid: PodUid,
    /// Its name.
    pub key: PodKey,
    /// It lives in the other incarnation of the back end.
    pub elsewhere: bool,
    /// When it was accepted, since the back end was made.
    pub accepted: Duration,
    /// When it was first told to stop.
    pub told_to_stop: Option<Duration>,
    /// When it came to its end, and how.
    pub end: Option<(Duration, Happening)>,
    /// When the back end had it no longer, and why.
    pub gone: Option<(Duration, Happening)>,
    /// Every run of its containers.
    pub runs: Vec<Run>,
    /// What each of its containers was given last.
    pub given: BTreeMap<String, Given>,
}

/// What a container is given by its pod's spec, and what can be changed while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// `image`.
    pub image: String,
    /// `resources`, as in the API.
    pub resources: serde_json::Value,
}

/// One run of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The container.
    pub container: String,
    /// When it began.
    pub began: Duration,
    /// How it ended.
    pub ended: Option<RunEnd>,
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEnd {
    /// When.
    pub at: Duration,
    /// With this exit code.
    pub exit_code: i32,
    /// Why.
    pub cause: RunCause,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCause {
    /// By itself, or with the other containers of its pod.
    Itself,
    /// Its pod was told to stop.
    Stop,
    /// It was started again with another image.
    Replaced,
    /// It was lost, or the platform ended it.
    Lost,
    /// Its pod was let go of while it ran.
    Released,
}

impl Life {
    /// Whether something of it ran at that moment; what ended just then did not.
    pub fn runs_at(&self, at: Duration) -> bool {
        self.runs.iter().any(|run| run.began <= at && run.ended.is_none_or(|end| end.at > at))
    }

    pub(super) fn end_runs(&mut self, container: Option<&str>, end: RunEnd) {
        let of_it = |run: &&mut Run| container.is_none_or(|name| run.container == name);
        for run in self.runs.iter_mut().filter(|run| run.ended.is_none()).filter(of_it) {
            run.ended = Some(end);
        }
    }
}

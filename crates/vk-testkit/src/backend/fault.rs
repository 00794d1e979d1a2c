//! How calls to the back end go wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use virtual_kubelet::core::Error;

/// A method of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Method {
    /// `admit`
    Admit,
    /// `create`
    Create,
    /// `terminate`
    Terminate,
    /// `remove`
    Remove,
    /// `lookup`
    Lookup,
    /// `list`
    List,
    /// `adopt`
    Adopt,
    /// `update`
    Update,
    /// `watch`: whatever the fault is, the subscription breaks.
    Watch,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Admit,
        Self::Create,
        Self::Terminate,
        Self::Remove,
        Self::Lookup,
        Self::List,
        Self::Adopt,
        Self::Update,
        Self::Watch,
    ];
}

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// It does nothing and answers this.
    Refuse(Error),
    /// It does what it should, and the answer is lost: the caller sees a time-out.
    LoseReply,
    /// It does what it should after this long, and answers then.
    Delay(Duration),
    /// It does what it should at once, and answers after this long: what is observed overtakes the answer.
    SlowReply(Duration),
    /// The caller sees a time-out at once; it takes effect this long after.
    LateEffect(Duration),
    /// It never answers, and does nothing.
    Hang,
    /// It panics.
    Panic,
    /// It does what it should, and its answer is about another pod.
    WrongPod,
    /// It does what it should, and its answer is about the pod as it was before its last change.
    Stale,
    /// It says that all is well, and does nothing. Only for `terminate`: elsewhere nobody could find out.
    Ignore,
    /// It accepts, and fails this long after. Only for `create`.
    FailLater(Duration),
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    None,
    WrongPod,
    Stale,
    Ignore,
    FailLater(Duration),
}

impl Fault {
    pub(super) fn twist(&self) -> Twist {
        match self {
            Self::WrongPod => Twist::WrongPod,
            Self::Stale => Twist::Stale,
            Self::Ignore => Twist::Ignore,
            Self::FailLater(delay) => Twist::FailLater(*delay),
            _ => Twist::None,
        }
    }
}

//! What happens in a schedule.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::weather::{ApiFault, RequestKind};
use crate::backend::{Fault, Method};

/// So many names are used: few, so that names come again.
pub const NAMES: usize = 4;

/// One thing that a user, the world or fate does. Pods are named by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// A pod is created, if there is none of that name.
    Create(usize, Shape),
    /// It is deleted, with its grace period.
    Delete(usize),
    /// It is deleted with this grace period in seconds; with 0, its object is gone at once.
    DeleteWithin(usize, u32),
    /// Every pod is deleted with one request.
    DeleteAll,
    /// Its object is removed, and at once there is another of the same name.
    Recreate(usize, Shape),
    /// All its regular containers end by themselves.
    Exit(usize, i32),
    /// One of its regular containers does.
    ExitContainer(usize, usize, i32),
    /// Its back-end object vanishes.
    Lose(usize),
    /// The platform ends it.
    Disrupt(usize),
    /// The back end cannot reach for so long what runs it.
    LoseContact(usize, Duration),
    /// Somebody edits its labels.
    Label(usize),
    /// Somebody edits its annotations.
    Annotate(usize),
    /// Somebody gives its first container another image; one that can be pulled, or not.
    Image(usize, bool),
    /// Somebody bounds its life to so many seconds.
    Deadline(usize, u32),
    /// Somebody resizes its first container.
    Resize(usize),
    /// Somebody adds an ephemeral container.
    Debug(usize),
    /// Somebody holds its object with a finalizer, or lets it go.
    Finalizer(usize, bool),
    /// Somebody writes Ready=False into its status.
    Unready(usize),
    /// Somebody else's condition is written into its status: also what its readiness gate waits for.
    Condition(usize, bool),
    /// Somebody else writes that it has failed.
    FailFromOutside(usize),
    /// The Node object is deleted.
    DeleteNode,
    /// Somebody writes Ready=False into the Node's status.
    UnreadyNode,
    /// A provider call goes wrong.
    ProviderFault(Method, Fault),
    /// The back end is another one for a while, which knows nothing; or itself again.
    Elsewhere(bool),
    /// So many API requests in a hundred go wrong from now on.
    Weather(u32),
    /// The next requests of a kind go wrong.
    ApiFault(RequestKind, ApiFault, u32),
    /// Nothing passes between agents and API server, and nobody is told; or all passes again.
    Partition(bool),
    /// The API server restarts.
    RestartServer,
    /// The API server forgets its history: watches have to list anew.
    Compact,
    /// An agent is killed.
    Kill(Slot),
    /// An agent is told to end, and has 30 s for it.
    Stop(Slot),
    /// An agent starts, if it does not live.
    Start(Slot, Instance),
    /// From now on an agent's wall clock is wrong by so many seconds.
    Clock(Slot, i64),
}

/// There is room for two agents of one node at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// The one that lives at the beginning.
    First,
    /// The other.
    Second,
}

impl Slot {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];
}

/// What an agent calls itself to other agents of the same node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instance {
    /// As the first one: the same one, come back.
    Same,
    /// Otherwise.
    Other,
}

/// What a pod is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Its restart policy.
    pub policy: Policy,
    /// Its containers.
    pub containers: Containers,
    /// Its grace period in seconds.
    pub grace: u32,
    /// After so many seconds it is to end.
    pub deadline: Option<u32>,
    /// It is evicted so many seconds after its node was lost; `None`: never.
    pub tolerates: Option<u32>,
    /// It has a readiness gate.
    pub gated: bool,
    /// It refers to a ConfigMap, which may come later.
    pub configured: bool,
}

/// A restart policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// As in the API.
    Always,
    /// As in the API.
    OnFailure,
    /// As in the API.
    Never,
}

/// The containers of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Containers {
    /// One.
    One,
    /// Two regular ones.
    Two,
    /// One, after an init container.
    AfterInit,
    /// One, after an init container that fails.
    AfterFailingInit,
    /// One, beside a sidecar.
    WithSidecar,
    /// One, whose image is not there.
    MissingImage,
}

impl Shape {
    /// The simplest pod.
    pub const SIMPLE: Self = Self {
        policy: Policy::Always,
        containers: Containers::One,
        grace: 5,
        deadline: None,
        tolerates: None,
        gated: false,
        configured: false,
    };
}

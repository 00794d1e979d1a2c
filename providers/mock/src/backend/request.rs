//! What the owner of the pods can be asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use vk_core::{PodObservation, PodUid, ResolvedPod, Result};
use vk_provider::{EventSink, ObservationSink, PodChange, PodStats};

use crate::logs::LogRun;

/// Where the answer to a request goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// Answer to a request that can be scripted.
#[derive(Debug)]
pub(crate) enum Answered<T> {
    Done(T),
    /// Ask again after this long, with [`Attempt::AfterHang`]; [`Duration::MAX`] means never.
    Hang(Duration),
}

/// Whether the pod's script is still to be asked about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    First,
    AfterHang,
}

pub(crate) enum Request {
    Create {
        pod: Arc<ResolvedPod>,
        events: Arc<dyn EventSink>,
        attempt: Attempt,
        reply: Reply<Answered<PodObservation>>,
    },
    Adopt {
        uid: PodUid,
        events: Arc<dyn EventSink>,
        reply: Reply<()>,
    },
    Terminate {
        uid: PodUid,
        grace: Duration,
        attempt: Attempt,
        reply: Reply<Answered<Option<PodObservation>>>,
    },
    Remove {
        uid: PodUid,
        attempt: Attempt,
        reply: Reply<Answered<()>>,
    },
    Lookup {
        uid: PodUid,
        attempt: Attempt,
        reply: Reply<Answered<Option<PodObservation>>>,
    },
    Update {
        pod: Arc<ResolvedPod>,
        change: PodChange,
        attempt: Attempt,
        reply: Reply<Answered<bool>>,
    },
    List {
        after: Option<PodUid>,
        limit: usize,
        reply: Reply<Vec<PodObservation>>,
    },
    /// The subscription ends when the other end of `open` is dropped.
    Subscribe {
        sink: ObservationSink,
        open: oneshot::Sender<()>,
    },
    Log {
        uid: PodUid,
        container: String,
        run: WhichRun,
        reply: Reply<LogRun>,
    },
    /// What the pods use that run.
    Stats {
        reply: Reply<Vec<PodStats>>,
    },
    /// Tells of each change of the pod from now on; ends with the pod.
    Follow {
        uid: PodUid,
        reply: Reply<watch::Receiver<()>>,
    },
}

/// Which run of a container is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhichRun {
    Newest,
    Previous,
    /// The run after so many restarts.
    Number(u32),
}

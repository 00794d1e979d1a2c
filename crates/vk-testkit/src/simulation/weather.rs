//! Faults of the API server and of the way to it.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use virtual_kubelet::controller::env::Random;
use vk_apiserver::{EventFault, FaultPlan, Identity, Outcome, RequestClass, RequestFault};

/// A request takes this long to the server: where nothing takes time, two that disagree would do so without end in one
/// instant.
const LATENCY: Duration = Duration::from_millis(2);

/// So many requests in one instant are a loop without end.
const HOT: u32 = 1000;

/// And so many in all.
const MOST: u32 = 20_000;

/// Requests that go wrong alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RequestKind {
    /// The beginning of a watch of pods.
    WatchPods,
    /// A list of pods.
    ListPods,
    /// A write of a pod's status.
    PatchStatus,
    /// The deletion of a pod.
    DeletePod,
    /// Anything about leases.
    Lease,
    /// Anything about Nodes.
    Node,
    /// Anything else.
    Other,
    /// An event of a watch of pods.
    WatchEvent,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::WatchPods,
        Self::ListPods,
        Self::PatchStatus,
        Self::DeletePod,
        Self::Lease,
        Self::Node,
        Self::Other,
        Self::WatchEvent,
    ];

    fn of(request: &RequestClass) -> Self {
        match (request.resource.as_str(), request.verb.as_str()) {
            ("pods", "watch") => Self::WatchPods,
            ("pods", "list") => Self::ListPods,
            ("pods", "patch") => Self::PatchStatus,
            ("pods", "delete") => Self::DeletePod,
            ("leases", _) => Self::Lease,
            ("nodes", _) => Self::Node,
            _ => Self::Other,
        }
    }
}

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiFault {
    /// 429, to be repeated after so many seconds.
    TooManyRequests(u32),
    /// This code.
    Status(u16),
    /// The connection breaks before the server sees it.
    ResetBefore,
    /// The connection breaks before the answer.
    ResetAfter,
    /// It is never seen.
    HangBefore,
    /// It is never answered.
    HangAfter,
    /// The answer breaks off.
    Truncate,
    /// The answer takes this long.
    Slow(Duration),
    /// A watch ends in order.
    Close,
    /// A watch says nothing more.
    Silence,
}

impl ApiFault {
    fn of_request(self) -> RequestFault {
        match self {
            Self::TooManyRequests(seconds) => {
                RequestFault::outcome(Outcome::Refuse { code: 429, retry_after: Some(seconds) })
            }
            Self::Status(code) => RequestFault::status(code),
            Self::ResetBefore => RequestFault::outcome(Outcome::ResetBefore),
            Self::ResetAfter => RequestFault::outcome(Outcome::ResetAfter),
            Self::HangBefore => RequestFault::outcome(Outcome::HangBefore),
            Self::HangAfter => RequestFault::outcome(Outcome::HangAfter),
            Self::Truncate => RequestFault::outcome(Outcome::Truncate),
            Self::Slow(delay) => RequestFault { delay_after: delay, ..RequestFault::default() },
            Self::Close | Self::Silence => RequestFault::default(),
        }
    }

    fn of_event(self) -> EventFault {
        match self {
            Self::Close => EventFault::Close,
            Self::ResetBefore => EventFault::Reset,
            Self::Truncate => EventFault::Truncate,
            Self::Silence => EventFault::Silence,
            Self::Slow(delay) => EventFault::Delay(delay),
            _ => EventFault::None,
        }
    }
}

/// The weather between agents and API server. Users always have it fair. Clones are the same weather.
#[derive(Clone)]
pub(super) struct Weather {
    random: Random,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    percent: u32,
    partitioned: bool,
    ordered: BTreeMap<RequestKind, VecDeque<ApiFault>>,
    count: Option<(Instant, u32)>,
    total: u32,
    hot: Option<String>,
}

impl Weather {
    pub(super) fn new(random: Random) -> Self {
        Self { random, state: Arc::default() }
    }

    /// So many requests in a hundred go wrong.
    pub(super) fn set(&self, percent: u32) {
        self.state.lock().percent = percent;
    }

    pub(super) fn partition(&self, partitioned: bool) {
        self.state.lock().partitioned = partitioned;
    }

    pub(super) fn order(&self, kind: RequestKind, fault: ApiFault, times: u32) {
        let mut state = self.state.lock();
        state.ordered.entry(kind).or_default().extend((0..times).map(|_| fault));
    }

    pub(super) fn clear(&self) {
        let mut state = self.state.lock();
        *state = State { hot: state.hot.take(), total: state.total, ..State::default() };
    }

    /// What was asked for without end in one instant.
    pub(super) fn hot_request(&self) -> Option<String> {
        self.state.lock().hot.clone()
    }

    fn strikes(&self, percent: u32) -> bool {
        percent > 0 && self.random.next_u64() % 100 < u64::from(percent)
    }

    fn random_request_fault(&self) -> ApiFault {
        match self.random.next_u64() % 9 {
            0 => ApiFault::TooManyRequests(1),
            1 => ApiFault::Status(500),
            2 => ApiFault::Status(503),
            3 => ApiFault::Status(504),
            4 => ApiFault::ResetBefore,
            5 => ApiFault::ResetAfter,
            6 => ApiFault::Truncate,
            7 => ApiFault::HangAfter,
            _ => ApiFault::Slow(Duration::from_secs(3)),
        }
    }
}

fn is_of_a_user(request: &RequestClass) -> bool {
    request.user == Identity::admin().user
}

impl FaultPlan for Weather {
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        if is_of_a_user(request) {
            return RequestFault::default();
        }
        let (percent, ordered) = {
            let mut state = self.state.lock();
            let now = Instant::now();
            let count = state.count.filter(|(instant, _)| *instant == now).map_or(1, |(_, count)| count + 1);
            state.count = Some((now, count));
            state.total += 1;
            let is_hot = count > HOT || state.total > MOST;
            if is_hot {
                state.hot.get_or_insert_with(|| request.action());
            }
            if state.partitioned || is_hot {
                return RequestFault::outcome(Outcome::HangBefore);
            }
            (state.percent, state.ordered.get_mut(&RequestKind::of(request)).and_then(VecDeque::pop_front))
        };
        let fault = match ordered {
            Some(fault) => fault.of_request(),
            None if self.strikes(percent) => self.random_request_fault().of_request(),
            None => RequestFault::default(),
        };
        RequestFault { delay_before: LATENCY, ..fault }
    }

    fn on_event(&mut self, request: &RequestClass, _index: u64) -> EventFault {
        if is_of_a_user(request) {
            return EventFault::None;
        }
        let (percent, ordered) = {
            let mut state = self.state.lock();
            if state.partitioned {
                return EventFault::Silence;
            }
            let is_of_pods = RequestKind::of(request) == RequestKind::WatchPods;
            let ordered = state.ordered.get_mut(&RequestKind::WatchEvent).filter(|_| is_of_pods);
            let ordered = ordered.and_then(VecDeque::pop_front);
            (state.percent, ordered)
        };
        if let Some(fault) = ordered {
            return fault.of_event();
        }
        if !self.strikes(percent) {
            return EventFault::None;
        }
        match self.random.next_u64() % 4 {
            0 => EventFault::Close,
            1 => EventFault::Reset,
            2 => EventFault::Truncate,
            _ => EventFault::Delay(Duration::from_millis(500)),
        }
    }
}

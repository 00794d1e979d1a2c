//! Faults of the API server and the way to it, drawn at random.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use virtual_kubelet::controller::env::Random;
use vk_apiserver::{EventFault, FaultPlan, Identity, Outcome, RequestClass, RequestFault};

/// So many requests of the agent in a hundred go wrong. Users always have fair weather.
#[derive(Clone)]
pub(super) struct Weather {
    percent: Arc<AtomicU32>,
    random: Random,
}

impl Weather {
    pub(super) fn new(random: Random) -> Self {
        Self { percent: Arc::default(), random }
    }

    pub(super) fn set(&self, percent: u32) {
        self.percent.store(percent, Ordering::Relaxed);
    }

    fn strikes(&self, request: &RequestClass) -> bool {
        let of_a_user = request.user == Identity::admin().user;
        !of_a_user && self.random.next_u64() % 100 < u64::from(self.percent.load(Ordering::Relaxed))
    }
}

impl FaultPlan for Weather {
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        if !self.strikes(request) {
            return RequestFault::default();
        }
        match self.random.next_u64() % 8 {
            0 => RequestFault::outcome(Outcome::Refuse { code: 429, retry_after: Some(1) }),
            1 => RequestFault::status(500),
            2 => RequestFault::status(503),
            3 => RequestFault::status(409),
            4 => RequestFault::outcome(Outcome::ResetBefore),
            5 => RequestFault::outcome(Outcome::ResetAfter),
            6 => RequestFault::outcome(Outcome::Truncate),
            _ => RequestFault { delay_after: Duration::from_secs(3), ..RequestFault::default() },
        }
    }

    fn on_event(&mut self, request: &RequestClass, _index: u64) -> EventFault {
        if !self.strikes(request) {
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

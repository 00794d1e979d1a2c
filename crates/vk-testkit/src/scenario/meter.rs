//! Notices an agent that asks without a pause: on simulated time its loop would never end.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::Request;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::interposer::{ApiInterposer, Exchange, Onward};

/// Far more than any agent of a scenario has to ask for at once.
const MOST_AT_ONCE: u32 = 2000;

/// Counts the requests of one instant. Beyond the limit none is answered.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Reading>>);

#[derive(Default)]
struct Reading {
    instant: Option<Instant>,
    requests: u32,
    is_exceeded: bool,
}

impl Meter {
    pub(super) fn is_exceeded(&self) -> bool {
        self.0.lock().is_exceeded
    }

    fn count(&self) -> bool {
        let now = Some(Instant::now());
        let mut reading = self.0.lock();
        reading.requests = if reading.instant == now { reading.requests + 1 } else { 1 };
        reading.instant = now;
        reading.is_exceeded |= reading.requests > MOST_AT_ONCE;
        reading.is_exceeded
    }
}

impl ApiInterposer for Meter {
    fn exchange(&self, request: Request<Bytes>, onward: Onward) -> Exchange {
        if self.count() { futures::future::pending().boxed() } else { onward.send(request) }
    }
}

//! The gate that every effect passes: it numbers them, and lets the agent die at one of them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Boundary, Effects, Moment};
use crate::interposer::{ApiInterposer, Asked, Onward};

/// An agent thinks in no time, so it is done before this.
const THOUGHT: Duration = Duration::from_millis(1);

/// Shared by all processes of one run.
pub(super) struct Gate {
    kind: Effects,
    count: Mutex<Count>,
    crashes: watch::Sender<u64>,
    newest: Mutex<Arc<AtomicBool>>,
}

struct Count {
    effects: Vec<String>,
    boundary: Option<Boundary>,
    has_struck: bool,
    /// The script is over: what comes now is the calm.
    is_closed: bool,
}

impl Gate {
    pub(super) fn new(kind: Effects, boundary: Option<Boundary>) -> Self {
        let count = Count { effects: Vec::new(), boundary, has_struck: false, is_closed: false };
        Self { kind, count: Mutex::new(count), crashes: watch::Sender::new(0), newest: Mutex::default() }
    }

    pub(super) fn crashes(&self) -> &watch::Sender<u64> {
        &self.crashes
    }

    pub(super) fn effects(&self) -> Vec<String> {
        self.count.lock().effects.clone()
    }

    pub(super) fn has_struck(&self) -> bool {
        self.count.lock().has_struck
    }

    /// Counts no more.
    pub(super) fn close(&self) {
        self.count.lock().is_closed = true;
    }

    /// The newest process: the way to the API server is made first, and that to the back end is its own.
    pub(super) fn process(self: &Arc<Self>) -> Process {
        Process { gate: self.clone(), is_dead: self.newest.lock().clone() }
    }

    /// What stands before the API server for a process that starts now.
    pub(super) fn guard_api(self: &Arc<Self>) -> impl ApiInterposer + use<> {
        *self.newest.lock() = Arc::default();
        let process = self.process();
        move |request: http::Request<bytes::Bytes>, onward: Onward| {
            let asked = Asked::of(&request);
            let kind = if asked.is_write() { Effects::Writes } else { Effects::Reads };
            let effect = format!("{} {} {}", asked.method, asked.resource, asked.name);
            let process = process.clone();
            async move { process.pass(kind, effect, onward.send(request)).await }.boxed()
        }
    }

    /// Numbers an effect, and says at which moment of it the agent dies.
    fn number(&self, kind: Effects, effect: String) -> Option<Moment> {
        let mut count = self.count.lock();
        if kind != self.kind || count.has_struck || count.is_closed {
            return None;
        }
        let number = count.effects.len();
        count.effects.push(effect);
        let moment = count.boundary.filter(|boundary| boundary.effect == number)?.moment;
        count.has_struck = true;
        Some(moment)
    }
}

/// One process, and its end.
#[derive(Clone)]
pub(super) struct Process {
    gate: Arc<Gate>,
    is_dead: Arc<AtomicBool>,
}

impl Process {
    /// Lets an effect pass, or the process die at it. A dead process neither does nor learns anything.
    pub(super) async fn pass<T>(&self, kind: Effects, effect: String, act: impl Future<Output = T>) -> T {
        self.stand_still_if_dead().await;
        match self.gate.number(kind, effect) {
            Some(Moment::Before) => return self.die().await,
            Some(Moment::Applied) => {
                let _unseen = act.await;
                return self.die().await;
            }
            Some(Moment::Replied) => {
                let reply = act.await;
                self.is_dead.store(true, Ordering::Relaxed);
                let crashes = self.gate.crashes.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(THOUGHT).await;
                    crashes.send_modify(|crashes| *crashes += 1);
                });
                return reply;
            }
            None => {}
        }
        let reply = act.await;
        self.stand_still_if_dead().await;
        reply
    }

    async fn stand_still_if_dead(&self) {
        if self.is_dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    async fn die<T>(&self) -> T {
        self.is_dead.store(true, Ordering::Relaxed);
        self.gate.crashes.send_modify(|crashes| *crashes += 1);
        std::future::pending().await
    }
}

//! The thin shell: it owns the kernel, knows the time, carries requests to it, and lets faults happen on the way.

mod body;
mod broadcast;
mod link;
mod service;
mod watch_stream;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use parking_lot::Mutex;
use tokio::time::Instant;

pub use body::ResponseBody;
pub use link::{Link, LinkState};
pub use service::{ApiService, TransportError};

use broadcast::Broadcast;

use crate::authorization::PolicyRule;
use crate::clock::{Clock, Now};
use crate::fault::{EventFault, FaultPlan, NoFaults, RequestClass, RequestFault};
use crate::identity::Identity;
use crate::kernel::{Kernel, Options, Watch, WatchStep};

/// How often controllers look at the time.
const TICK: Duration = Duration::from_secs(5);

/// An API server in process. Clones are handles to the same server.
///
/// It spawns nothing and opens no socket. Requests come in through [`ApiServer::service`]; where controllers that wait
/// for time are switched on, the future of [`ApiServer::background`] has to run somewhere.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    kernel: Mutex<Kernel>,
    faults: Mutex<Box<dyn FaultPlan>>,
    clock: Box<dyn Clock>,
    /// By how much the server's wall clock differs from its clients'.
    skew: Mutex<SignedDuration>,
    started: Instant,
    /// The latest revision: what idle watches wait for.
    revision: Broadcast<u64>,
    power: Broadcast<Power>,
}

/// Whether the server runs, and for which time: connections do not outlive a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Power {
    pub(crate) on: bool,
    pub(crate) epoch: u64,
}

impl ApiServer {
    /// A running server with an empty cluster.
    #[must_use]
    pub fn new(options: Options, clock: impl Clock) -> Self {
        let started = Instant::now();
        let kernel = Kernel::new(options, Now { wall: clock.wall(), elapsed: Duration::ZERO });
        let revision = Broadcast::new(kernel.revision());
        Self {
            shared: Arc::new(Shared {
                kernel: Mutex::new(kernel),
                faults: Mutex::new(Box::new(NoFaults)),
                clock: Box::new(clock),
                skew: Mutex::new(SignedDuration::ZERO),
                started,
                revision,
                power: Broadcast::new(Power { on: true, epoch: 0 }),
            }),
        }
    }

    /// A client's way to the server: hand it to `kube::Client::new`.
    #[must_use]
    pub fn service(&self, identity: Identity) -> ApiService {
        self.service_over(identity, &Link::new())
    }

    /// A client's way to the server over a link that can be cut.
    #[must_use]
    pub fn service_over(&self, identity: Identity, link: &Link) -> ApiService {
        ApiService::new(self.clone(), identity, link.clone())
    }

    /// Looks at the server's state, past all authorization.
    pub fn inspect<T>(&self, look: impl FnOnce(&Kernel) -> T) -> T {
        look(&self.shared.kernel.lock())
    }

    /// Changes the server's state, past all authorization.
    pub fn change<T>(&self, change: impl FnOnce(&mut Kernel, Now) -> T) -> T {
        let now = self.now();
        let mut kernel = self.shared.kernel.lock();
        let result = change(&mut kernel, now);
        kernel.tick(now);
        let revision = kernel.revision();
        drop(kernel);
        self.announce(revision);
        result
    }

    /// Allows a user or a group what the rules say.
    pub fn grant(&self, subject: &str, rules: Vec<PolicyRule>) {
        self.change(|kernel, _| kernel.grant(subject, rules));
    }

    /// Replaces the plan of faults.
    pub fn set_faults(&self, plan: impl FaultPlan) {
        *self.shared.faults.lock() = Box::new(plan);
    }

    /// Lets the server's wall clock go wrong by this much. What it measures times with stays right.
    pub fn set_clock_skew(&self, skew: SignedDuration) {
        *self.shared.skew.lock() = skew;
    }

    /// Stops the server: every connection breaks, new ones are refused.
    pub fn stop(&self) {
        self.shared.power.modify(|power| power.on = false);
    }

    /// Starts the server again: what it kept in memory is gone, what was stored is there.
    pub fn start(&self) {
        self.change(Kernel::restart);
        self.shared.power.modify(|power| *power = Power { on: true, epoch: power.epoch + 1 });
    }

    /// Stops and starts the server in one instant.
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Runs the controllers that wait for time to pass. Never ends; give it to your spawner and drop it there.
    pub async fn background(self) {
        loop {
            tokio::time::sleep(TICK).await;
            self.change(|_, _| ());
        }
    }

    /// The server's two clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let right = self.shared.clock.wall();
        let wall = right.saturating_add(*self.shared.skew.lock()).unwrap_or(right);
        Now { wall, elapsed: self.shared.started.elapsed() }
    }

    /// Who answers a request.
    #[cfg(feature = "serve")]
    pub(crate) fn destination<B>(&self, request: &http::Request<B>, identity: &Identity) -> crate::kernel::Destination {
        let now = self.now();
        self.shared.kernel.lock().destination(request, identity, now)
    }

    fn instant(&self, elapsed: Duration) -> Instant {
        self.shared.started + elapsed
    }

    fn announce(&self, revision: u64) {
        if self.shared.revision.get() != revision {
            self.shared.revision.set(revision);
        }
    }

    fn poll_watch(&self, watch: &mut Watch) -> WatchStep {
        let now = self.now();
        self.shared.kernel.lock().poll_watch(watch, now)
    }

    fn request_fault(&self, request: &RequestClass) -> RequestFault {
        self.shared.faults.lock().on_request(request)
    }

    fn event_fault(&self, request: &RequestClass, index: u64) -> EventFault {
        self.shared.faults.lock().on_event(request, index)
    }
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let power = self.shared.power.get();
        formatter.debug_struct("ApiServer").field("power", &power).finish_non_exhaustive()
    }
}

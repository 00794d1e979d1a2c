//! The second ring: the API server's kernel in process, on simulated time.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use virtual_kubelet::controller::env::WallClock;
use virtual_kubelet::kube::Client;
use vk_apiserver::{ApiServer, Clock, Identity, Link, LinkState, Options, VirtualClock};

use super::agent::AgentClients;
use super::{Ring, World};
use crate::interposer::Interposition;

/// Where every simulated world begins.
const EPOCH: i64 = 1_800_000_000;

/// An API server in process.
pub struct InProcess {
    server: ApiServer,
    clock: VirtualClock,
    links: Mutex<Vec<Link>>,
    interposition: Interposition,
}

impl InProcess {
    /// A new server; call it on a runtime with paused time.
    pub fn new() -> Self {
        Self::with_interposition(Interposition::none())
    }

    /// The same, with this between every agent and the server.
    pub fn with_interposition(interposition: Interposition) -> Self {
        Self::with_options(Options::default(), interposition)
    }

    /// The same, on a server that is set up like this.
    pub fn with_options(options: Options, interposition: Interposition) -> Self {
        let clock = VirtualClock::starting_at(Timestamp::from_second(EPOCH).unwrap_or(Timestamp::UNIX_EPOCH));
        let server = ApiServer::new(options, clock);
        Self { server, clock, links: Mutex::default(), interposition }
    }

    /// The server, for faults and for looking inside.
    pub fn server(&self) -> ApiServer {
        self.server.clone()
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl Ring for InProcess {
    fn admin(&self) -> Client {
        Client::new(self.server.service(Identity::admin()), "default")
    }

    fn agent(&self, node_name: &str) -> AgentClients {
        let link = Link::new();
        self.links.lock().push(link.clone());
        let service = self.server.service_over(Identity::node(node_name), &link);
        let make = self.interposition.clients(service);
        AgentClients { make, cut: Arc::new(move || link.set(LinkState::Refused)) }
    }

    fn wall_clock(&self) -> Arc<dyn WallClock> {
        let clock = self.clock;
        Arc::new(move || clock.wall())
    }

    fn namespace(&self) -> &str {
        "default"
    }

    fn node_name(&self) -> &str {
        "virtual-1"
    }
}

/// Runs a test on simulated time, without an IO driver: a stray socket panics.
pub fn simulate<F: Future>(seed: u64, test: impl FnOnce(World, ApiServer) -> F) -> F::Output {
    simulate_behind(&Interposition::none(), seed, test)
}

/// The same, with this between every agent and its surroundings.
pub fn simulate_behind<F: Future>(
    interposition: &Interposition,
    seed: u64,
    test: impl FnOnce(World, ApiServer) -> F,
) -> F::Output {
    simulate_on(Options::default(), interposition, seed, test)
}

/// The same, on a server that is set up like this.
pub fn simulate_on<F: Future>(
    options: Options,
    interposition: &Interposition,
    seed: u64,
    test: impl FnOnce(World, ApiServer) -> F,
) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    #[allow(clippy::expect_used, reason = "without a runtime there is no test")]
    let runtime = runtime.expect("a runtime without IO can always be built");
    runtime.block_on(async {
        let ring = InProcess::with_options(options, interposition.clone());
        let server = ring.server();
        tokio::spawn(server.clone().background());
        test(World::new(Box::new(ring), seed).with_interposition(interposition.clone()), server).await
    })
}

//! An API server, a back end, and the agents between them.

mod agent;
mod in_process;
mod pods;

use std::future::Future;
use std::time::Duration;

pub use agent::{AgentClients, AgentInstance, AgentSettings};
pub use in_process::{InProcess, simulate, simulate_behind, simulate_on};
use virtual_kubelet::kube::Client;

use crate::backend::Backend;
use crate::interposer::Interposition;

/// Where the API server comes from: in process, or a real one. The behaviours do not know which.
pub trait Ring: Send + Sync {
    /// A client that may do everything.
    fn admin(&self) -> Client;
    /// A client with the identity of this node, as a process that starts now would make it.
    fn agent(&self, node_name: &str) -> AgentClients;
    /// The wall clock of this world.
    fn wall_clock(&self) -> std::sync::Arc<dyn virtual_kubelet::controller::env::WallClock>;
    /// A namespace of the test's own; it exists already.
    fn namespace(&self) -> &str;
    /// A node name of the test's own.
    fn node_name(&self) -> &str;
}

/// A test's world.
pub struct World {
    ring: Box<dyn Ring>,
    backend: Backend,
    interposition: Interposition,
    seed: u64,
}

impl World {
    /// A world on this ring; `seed` decides every random number in it.
    pub fn new(ring: Box<dyn Ring>, seed: u64) -> Self {
        Self { ring, backend: Backend::new(), interposition: Interposition::none(), seed }
    }

    /// The same, with this between every agent and the back end. What stands before the API server belongs to the ring.
    #[must_use]
    pub fn with_interposition(mut self, interposition: Interposition) -> Self {
        self.interposition = interposition;
        self
    }

    /// The same with the back end of another world: what it holds there may come from here.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// The back end.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// A client that may do everything.
    pub fn admin(&self) -> Client {
        self.ring.admin()
    }

    /// The test's namespace.
    pub fn namespace(&self) -> &str {
        self.ring.namespace()
    }

    /// The test's node.
    pub fn node_name(&self) -> &str {
        self.ring.node_name()
    }

    /// Starts an agent on the test's node.
    pub async fn start_agent(&self) -> AgentInstance {
        self.start_agent_with(AgentSettings::default()).await
    }

    /// Starts an agent that works like this.
    ///
    /// # Panics
    /// If another agent holds the node's lease.
    #[allow(clippy::expect_used, reason = "a test that starts one agent at a time wins its lease")]
    pub async fn start_agent_with(&self, settings: AgentSettings) -> AgentInstance {
        self.try_start_agent(settings).await.expect("the lease is won")
    }

    /// The same; `None` if another agent holds the node's lease.
    pub async fn try_start_agent(&self, settings: AgentSettings) -> Option<AgentInstance> {
        AgentInstance::start(&*self.ring, &self.backend, &self.interposition, self.seed, settings).await
    }

    /// Waits until `holds` does, looking often.
    ///
    /// # Panics
    /// If it does not within `deadline`; `what` says what was waited for.
    pub async fn eventually<F>(&self, deadline: Duration, what: &str, mut holds: impl FnMut() -> F)
    where
        F: Future<Output = bool>,
    {
        let attempts = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(deadline, attempts).await.is_ok(), "not within {deadline:?}: {what}");
    }

    /// Asserts that `holds` does, again and again for as long as `time`.
    ///
    /// # Panics
    /// At the first moment at which it does not.
    pub async fn always<F>(&self, time: Duration, what: &str, mut holds: impl FnMut() -> F)
    where
        F: Future<Output = bool>,
    {
        let until = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < until {
            assert!(holds().await, "no longer: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

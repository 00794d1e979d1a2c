//! [`NodeController`]: puts the parts together and starts them.

use std::sync::Arc;
use std::time::Duration;

use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vk_core::node::{AgentFacts, BackendHealth, NodeMachine, NodeTiming, PingMonitor, PingPolicy};
use vk_provider::BoxNodeProvider;

use super::lease_keeper::LeaseHandle;
use super::own_watch::OwnWatch;
use super::ping::ping_backend;
use super::registration::{Inputs, Outputs, Registration};
use super::shape::{ShapeReport, follow_shape};
use super::status::{NodeHandle, NodeStatus};
use crate::env::Env;
use crate::events::EventRecorder;

/// How a [`NodeController`] works. `Default` is right for most nodes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeSettings {
    /// How often the Node is written.
    pub timing: NodeTiming,
    /// How often the back end is asked whether it answers.
    pub ping: PingPolicy,
    /// How long the provider may take to describe its node before the node is registered without.
    pub shape_timeout: Duration,
    /// Whether the Node is deleted at the end. For agents that are not to come back: the control plane then deletes the pods
    /// that are still bound to it, and what runs of them in the back end is left without an agent.
    pub deregister_on_exit: bool,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            timing: NodeTiming::default(),
            ping: PingPolicy::default(),
            shape_timeout: Duration::from_secs(10),
            deregister_on_exit: false,
        }
    }
}

/// Registers a Node and keeps it as the provider describes it.
pub struct NodeController {
    facts: AgentFacts,
    provider: BoxNodeProvider,
    settings: NodeSettings,
    recorder: Option<EventRecorder>,
}

impl NodeController {
    /// A controller for this node, of this provider.
    pub fn new(facts: AgentFacts, provider: BoxNodeProvider) -> Self {
        Self { facts, provider, settings: NodeSettings::default(), recorder: None }
    }

    /// The same controller with other settings.
    #[must_use]
    pub fn with_settings(mut self, settings: NodeSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The same controller, which also tells people through Events. Without, it tells the log alone.
    #[must_use]
    pub fn with_recorder(mut self, recorder: EventRecorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Starts the controller on the environment's executor. It writes only while the lease is ours, and ends when `shutdown`
    /// is cancelled; the Node stays, unless [`NodeSettings::deregister_on_exit`] is set.
    pub fn start(self, env: &Env, client: Client, lease: LeaseHandle, shutdown: &CancellationToken) -> NodeHandle {
        let machine = NodeMachine::new(self.facts.clone(), self.settings.timing);
        let node_name = self.facts.name.to_string();
        let (shape, shape_seen) = watch::channel(ShapeReport::Pending);
        let (health, health_seen) = watch::channel(BackendHealth::Reachable);
        let (facts, facts_seen) = watch::channel(Arc::new(machine.node_facts()));
        let (registration, backend) = (machine.registration(), machine.backend_health());
        let status = NodeStatus { registration, backend, addresses: machine.addresses() };
        let (status, status_seen) = watch::channel(status);

        let followed = follow_shape(self.provider.clone(), self.settings.shape_timeout, env.clone(), shape);
        let pinged = ping_backend(self.provider, PingMonitor::new(self.settings.ping), env.clone(), health);
        let mut registration = Registration {
            env: env.clone(),
            machine,
            nodes: Api::all(client.clone()),
            inputs: Inputs {
                watch: OwnWatch::new(client, &node_name, env.clone()),
                shape: shape_seen,
                health: health_seen,
                lease: lease.report(),
                reconnect: lease.reconnect(),
            },
            outputs: Outputs { status, facts, lease, recorder: self.recorder },
            node_name,
            in_flight: None,
        };
        env.spawn("node shape", until(shutdown.clone(), followed));
        env.spawn("node ping", until(shutdown.clone(), pinged));
        let (ended, end) = watch::channel(false);
        let (stop, deregisters) = (shutdown.clone(), self.settings.deregister_on_exit);
        env.spawn("node registration", async move {
            until(stop, registration.run()).await;
            if deregisters {
                registration.deregister().await;
            }
            ended.send_replace(true);
        });
        NodeHandle { status: status_seen, facts: facts_seen, end }
    }
}

async fn until(shutdown: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        () = work => {}
    }
}

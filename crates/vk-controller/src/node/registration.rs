//! The actor that owns the Node object: carries the requests of a [`NodeMachine`].

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use tokio::sync::watch;
use vk_core::node::lease::LeaseState;
use vk_core::node::{
    ApiFailure, BackendHealth, NodeEffect, NodeEvent, NodeMachine, NodeNotice, NodeRequest, ObservedNode,
};
use vk_core::resolve::NodeFacts;

use super::answer;
use super::lease_keeper::{LeaseHandle, LeaseReport, sleep_until};
use super::own_watch::OwnWatch;
use super::shape::ShapeReport;
use super::status::NodeStatus;
use crate::env::Env;
use crate::events::{EventRecorder, tell_of_node, warning_if};

/// A request that takes longer is given up and made again.
const PATIENCE: Duration = Duration::from_secs(10);

/// An end waits for no API server for long.
const DEREGISTRATIONS: u32 = 3;
const BETWEEN_DEREGISTRATIONS: Duration = Duration::from_millis(500);

/// Whom people read in `managedFields`.
const FIELD_MANAGER: &str = "virtual-kubelet";

/// What the actor listens to.
pub(super) struct Inputs {
    pub(super) watch: OwnWatch,
    pub(super) shape: watch::Receiver<ShapeReport>,
    pub(super) health: watch::Receiver<BackendHealth>,
    pub(super) lease: watch::Receiver<LeaseReport>,
    pub(super) reconnect: watch::Receiver<u64>,
}

/// Whom the actor tells.
pub(super) struct Outputs {
    pub(super) status: watch::Sender<NodeStatus>,
    pub(super) facts: watch::Sender<Arc<NodeFacts>>,
    pub(super) lease: LeaseHandle,
    pub(super) recorder: Option<EventRecorder>,
}

pub(super) struct Registration {
    pub(super) env: Env,
    pub(super) machine: NodeMachine,
    pub(super) nodes: Api<Node>,
    pub(super) node_name: String,
    pub(super) inputs: Inputs,
    pub(super) outputs: Outputs,
    pub(super) in_flight: Option<BoxFuture<'static, NodeEvent>>,
}

impl Registration {
    pub(super) async fn run(&mut self) {
        // Marked as unseen, so that what is known already arrives as events.
        self.inputs.shape.mark_changed();
        self.inputs.lease.mark_changed();
        self.inputs.health.mark_changed();
        let mut event = NodeEvent::Tick;
        loop {
            let effects = self.machine.step(event, self.env.now(), self.env.random().next_u64());
            for effect in effects {
                self.carry_out(effect);
            }
            self.publish();
            event = self.next_event().await;
        }
    }

    /// Deletes the Node, if it is ours, for an agent that is not to come back.
    pub(super) async fn deregister(self) {
        let held = self.inputs.lease.borrow().state == LeaseState::Held;
        let Some(uid) = self.machine.registration().uid.filter(|_| held) else { return };
        let node = self.node_name.as_str();
        for _attempt in 0..DEREGISTRATIONS {
            let params = DeleteParams {
                preconditions: Some(Preconditions { uid: Some(uid.clone()), resource_version: None }),
                ..DeleteParams::default()
            };
            let deletion = async { self.nodes.delete(node, &params).await.map(drop) };
            match answer::answered(PATIENCE, deletion).await {
                Ok(()) => return tracing::info!(node, "deregistered the node"),
                Err(ApiFailure::NotFound | ApiFailure::Conflict(_)) => {
                    return tracing::info!(node, "the node was gone already when it was to be deregistered");
                }
                Err(ApiFailure::Forbidden(refusal)) => {
                    return tracing::warn!(
                        node,
                        refusal,
                        "the node stays registered: no node identity may delete its Node without a ClusterRole that permits \
                         it (verb delete, resource nodes); kubectl delete node does it, too"
                    );
                }
                Err(failure) => tracing::warn!(node, %failure, "the node could not be deregistered"),
            }
            tokio::time::sleep(BETWEEN_DEREGISTRATIONS).await;
        }
    }

    fn carry_out(&mut self, effect: NodeEffect) {
        match effect {
            NodeEffect::Notice(notice) => self.tell(&notice),
            NodeEffect::Send { id, request } => {
                let (nodes, name) = (self.nodes.clone(), self.node_name.clone());
                self.in_flight = Some(Box::pin(async move {
                    let result = answer::answered(PATIENCE, exchange(&nodes, &name, request)).await;
                    answered(id, result)
                }));
            }
        }
    }

    fn tell(&self, notice: &NodeNotice) {
        let recorder = self.outputs.recorder.as_ref().filter(|_| notice.is_event());
        tell_of_node(recorder, &self.node_name, warning_if(notice.is_warning()), notice.reason(), notice);
    }

    fn publish(&self) {
        let registration = self.machine.registration();
        self.outputs.lease.set_node_uid(registration.uid.clone());
        let status =
            NodeStatus { registration, backend: self.machine.backend_health(), addresses: self.machine.addresses() };
        self.outputs.status.send_if_modified(|known| replace(known, status));
        let facts = Arc::new(self.machine.node_facts());
        self.outputs.facts.send_if_modified(|known| replace(known, facts));
    }

    async fn next_event(&mut self) -> NodeEvent {
        let wake = self.machine.next_wake().map(|at| self.env.started() + at);
        let Inputs { watch, shape, health, lease, reconnect } = &mut self.inputs;
        loop {
            tokio::select! {
                biased;
                event = arrival(&mut self.in_flight) => return event,
                report = news(lease) => return NodeEvent::MayWrite(report.state == LeaseState::Held),
                report = news(shape) => return report.into_event(),
                health = news(health) => return NodeEvent::Health(health),
                _ = news(reconnect) => watch.restart(),
                event = watch.next() => return event,
                () = sleep_until(wake) => return NodeEvent::Tick,
            }
        }
    }
}

/// Waits for the answer to what is under way, if anything is.
async fn arrival(in_flight: &mut Option<BoxFuture<'static, NodeEvent>>) -> NodeEvent {
    match in_flight {
        Some(request) => {
            let event = request.await;
            *in_flight = None;
            event
        }
        None => std::future::pending().await,
    }
}

/// The newest value that was not seen yet. Never comes once the sender is gone.
async fn news<T: Clone>(receiver: &mut watch::Receiver<T>) -> T {
    match receiver.changed().await {
        Ok(()) => receiver.borrow_and_update().clone(),
        Err(_) => std::future::pending().await,
    }
}

fn replace<T: PartialEq>(known: &mut T, value: T) -> bool {
    let changed = *known != value;
    *known = value;
    changed
}

fn answered(id: u64, result: Result<Node, ApiFailure>) -> NodeEvent {
    NodeEvent::Answered { id, result: result.map(|node| Box::new(ObservedNode::from(node))) }
}

async fn exchange(nodes: &Api<Node>, name: &str, request: NodeRequest) -> kube::Result<Node> {
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match request {
        NodeRequest::Read => nodes.get(name).await,
        NodeRequest::Create(body) => {
            let body: Node = serde_json::from_value(body).map_err(kube::Error::SerdeError)?;
            let params = PostParams { field_manager: params.field_manager, ..PostParams::default() };
            nodes.create(&params, &body).await
        }
        NodeRequest::PatchMeta(body) => nodes.patch(name, &params, &Patch::Strategic(body)).await,
        NodeRequest::PatchStatus(body) => nodes.patch_status(name, &params, &Patch::Strategic(body)).await,
    }
}

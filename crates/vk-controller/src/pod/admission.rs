//! Admission of pods to the node. Room is promised by the actor, which knows every pod, so that no two pods are promised the
//! same; the rest is compared with the Node when the pod is prepared.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, PodSpec};
use kube::{Api, Client};
use vk_core::admission::{DaemonSetPods, Room, check_placement};
use vk_core::machine::{ApiSide, Occupancy, PodMachine};
use vk_core::node::ObservedNode;
use vk_core::resolve::NodeFacts;
use vk_core::{Error, PodUid, Result};

/// A read of the Node that takes longer is given up; the pod is prepared again later.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the actor says of a pod that is to be prepared.
#[derive(Debug)]
pub(super) enum Admission {
    /// It has started before: nobody asks again.
    Over,
    /// It is new, and this is what the pods that are there already leave for it.
    Due(Result<()>),
}

/// The pods that the node has room for, and those that are there whether it has or not.
pub(super) struct AdmittedPods {
    room: Room,
    of_daemon_sets: DaemonSetPods,
}

impl AdmittedPods {
    pub(super) fn new(of_daemon_sets: DaemonSetPods) -> Self {
        Self { room: Room::default(), of_daemon_sets }
    }

    /// Counts the pod as it is now.
    pub(super) fn note(&mut self, machine: &PodMachine) {
        match (machine.occupancy(), machine.api()) {
            (Occupancy::Taken, ApiSide::Present(facts) | ApiSide::Gone(Some(facts))) => {
                self.room.occupy(machine.uid(), &facts.requests);
            }
            // An orphan: nobody knows what it requests.
            (Occupancy::Taken, ApiSide::Gone(None)) | (Occupancy::Open, _) => {}
            (Occupancy::None, _) => self.room.release(machine.uid()),
        }
    }

    /// Counts a pod that a list of the back end has named, before any other pod of that list asks for room.
    pub(super) fn found(&mut self, machine: &PodMachine) {
        if let (Occupancy::Open, ApiSide::Present(facts)) = (machine.occupancy(), machine.api()) {
            self.room.occupy(machine.uid(), &facts.requests);
        }
    }

    /// Counts it no more.
    pub(super) fn forget(&mut self, uid: &PodUid) {
        self.room.release(uid);
    }

    /// Whether a pod may start here, as far as that depends on the other pods and on who made it.
    pub(super) fn ask(&mut self, machine: &PodMachine, node: &NodeFacts) -> Admission {
        match machine.api() {
            ApiSide::Present(facts) if !machine.is_past_admission() => {
                let of_daemon_set = if facts.of_daemon_set { self.of_daemon_sets.check() } else { Ok(()) };
                let admitted = of_daemon_set.and_then(|()| {
                    self.room.admit(machine.uid(), &facts.requests, &node.allocatable).map_err(Error::from)
                });
                Admission::Due(admitted)
            }
            _ => Admission::Over,
        }
    }
}

/// Reads our Node as it is at this moment.
#[derive(Clone)]
pub(super) struct NodeReader {
    nodes: Api<Node>,
    name: String,
}

impl NodeReader {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { nodes: Api::all(client), name }
    }

    /// Compares the pod with the Node. What is known of the Node may be older than the scheduler's decision: before a pod is
    /// refused, the Node is read, as the kubelet does.
    pub(super) async fn check_placement(&self, spec: &PodSpec, known: &NodeFacts) -> Result<()> {
        if check_placement(spec, known).is_ok() {
            return Ok(());
        }
        let failed = |error: String| Error::unavailable(format!("node {}, which this pod selects: {error}", self.name));
        let node = match tokio::time::timeout(PATIENCE, self.nodes.get(&self.name)).await {
            Ok(node) => ObservedNode::from(node.map_err(|error| failed(error.to_string()))?),
            Err(_) => return Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        let taints = node.taints.into_iter().map(|observed| observed.taint).collect();
        let fresh = NodeFacts { labels: node.labels, taints, ..known.clone() };
        check_placement(spec, &fresh).map_err(Error::from)
    }
}

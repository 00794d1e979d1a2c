//! The node that a back end makes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use tokio::sync::watch;
use virtual_kubelet::core::node::NodeShape;
use virtual_kubelet::core::{Error, Result};
use virtual_kubelet::provider::{NodeProvider, NodeSink};

/// What the back end says of its node.
#[derive(Debug, Clone)]
pub(super) struct NodeState {
    pub(super) capacity: BTreeMap<String, Quantity>,
    pub(super) answers: bool,
}

impl Default for NodeState {
    /// As much of everything as a test may want.
    fn default() -> Self {
        Self { capacity: amounts(&[("cpu", "64"), ("memory", "256Gi"), ("pods", "1000")]), answers: true }
    }
}

/// Amounts of resources by name.
pub(super) fn amounts(pairs: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    pairs.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned()))).collect()
}

/// Describes the node of a [`super::Backend`], and follows what the test makes of it.
#[derive(Debug, Clone)]
pub struct SimulatedNode(pub(super) watch::Receiver<NodeState>);

impl SimulatedNode {
    fn shape_now(&self) -> NodeShape {
        NodeShape::with_capacity(self.0.borrow().capacity.clone())
    }
}

impl NodeProvider for SimulatedNode {
    async fn shape(&self) -> Result<NodeShape> {
        Ok(self.shape_now())
    }

    async fn ping(&self) -> Result<()> {
        if self.0.borrow().answers { Ok(()) } else { Err(Error::unavailable("the back end is silent")) }
    }

    async fn watch(&self, sink: NodeSink) -> Result<()> {
        let mut state = self.0.clone();
        while state.changed().await.is_ok() {
            state.mark_unchanged();
            sink.report(self.shape_now());
        }
        Ok(())
    }
}

//! [`NodeProvider`]: what the Node object says about the back end.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use vk_core::Result;
pub use vk_core::node::{NodeAddress, NodeCondition, NodeShape, Taint};

/// Describes the node, and tells when the description changes.
///
/// Nothing here touches the heartbeat: a provider that hangs becomes a condition, never a lost lease (invariant 7).
pub trait NodeProvider: Send + Sync + 'static {
    /// The node as it should be; complete before the Node is first created.
    fn shape(&self) -> impl Future<Output = Result<NodeShape>> + Send;

    /// Whether the back end answers. Called every few seconds; an error or a time-out becomes a condition.
    fn ping(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Reports a new shape whenever it changes.
    fn watch(&self, _sink: NodeSink) -> impl Future<Output = Result<()>> + Send {
        std::future::pending()
    }
}

/// Where [`NodeProvider::watch`] puts a new shape. Never blocks; the newest shape wins.
#[derive(Clone)]
pub struct NodeSink(Arc<dyn Fn(NodeShape) + Send + Sync>);

impl NodeSink {
    /// A sink that hands each shape to this function.
    pub fn new(receive: impl Fn(NodeShape) + Send + Sync + 'static) -> Self {
        Self(Arc::new(receive))
    }

    /// Reports the node as it is now.
    pub fn report(&self, shape: NodeShape) {
        (self.0)(shape);
    }
}

impl fmt::Debug for NodeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSink")
    }
}

/// A node with fixed capacity that is always well.
#[derive(Debug, Clone)]
pub struct NaiveNodeProvider {
    shape: NodeShape,
}

impl NaiveNodeProvider {
    /// A node with this much of each resource, for example `cpu`, `memory` and `pods`.
    pub fn new(capacity: BTreeMap<String, Quantity>) -> Self {
        Self { shape: NodeShape::with_capacity(capacity) }
    }

    /// A node of this shape.
    pub fn with_shape(shape: NodeShape) -> Self {
        Self { shape }
    }
}

impl NodeProvider for NaiveNodeProvider {
    async fn shape(&self) -> Result<NodeShape> {
        Ok(self.shape.clone())
    }
}

//! [`PodContext`]: what a provider gets of the cluster, for one pod. All of it has a wire form.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tracing::Span;
pub use vk_core::resolve::{ConfigMapData, Data, Reference as DataRef, SecretData, TokenRequest};
use vk_core::{BackendEvent, Result};

/// The way from a provider back to the cluster, scoped to one pod.
#[derive(Clone)]
#[non_exhaustive]
pub struct PodContext {
    /// ConfigMaps, Secrets, Services, claims and tokens that the pod refers to.
    pub cluster: Arc<dyn ClusterData>,
    /// Where Events about the pod go.
    pub events: Arc<dyn EventSink>,
    /// The node's facts that environment and volumes may refer to.
    pub node: Arc<vk_core::resolve::NodeFacts>,
    /// The pod's span.
    pub span: Span,
}

impl PodContext {
    /// A context; the core makes these.
    pub fn new(
        cluster: Arc<dyn ClusterData>,
        events: Arc<dyn EventSink>,
        node: Arc<vk_core::resolve::NodeFacts>,
        span: Span,
    ) -> Self {
        Self { cluster, events, node, span }
    }
}

impl fmt::Debug for PodContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PodContext").field("node", &self.node).finish_non_exhaustive()
    }
}

/// Reads what one pod refers to, and nothing else (invariant 10).
pub trait ClusterData: Send + Sync {
    /// The object now. `None` means that it does not exist; an error, that this could not be found out.
    fn get(&self, reference: DataRef) -> BoxFuture<'_, Result<Option<Data>>>;

    /// The object now and after each change, for as long as the stream is held. Secrets and ConfigMaps that are immutable
    /// come once.
    fn changes(&self, reference: DataRef) -> BoxStream<'static, Result<Option<Data>>>;
}

/// Takes Events about one pod. Never blocks; a burst is aggregated, not lost.
pub trait EventSink: Send + Sync {
    /// Records the event.
    fn record(&self, event: BackendEvent);
}

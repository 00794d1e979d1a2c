//! [`PodContext`]: what a provider gets of the cluster, for one pod. All of it has a wire form.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use tracing::Span;
use vk_core::resolve::ServiceFacts;
use vk_core::resolved::SecretString;
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

/// Something that a pod refers to, in its own namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DataRef {
    /// A ConfigMap by name.
    ConfigMap(String),
    /// A Secret by name.
    Secret(String),
    /// Every Service of the pod's namespace and `default/kubernetes`: what service variables need.
    Services,
    /// A PersistentVolumeClaim by name, with the volume bound to it.
    Claim(String),
    /// A token of the pod's service account.
    Token(TokenRequest),
}

/// A bound token that a pod's volume asks for (KEP-1205).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenRequest {
    /// Audience; empty means the API server's own.
    pub audience: String,
    /// Wanted lifetime in seconds, passed on verbatim: the server gives 3607 a special meaning.
    pub expiration_seconds: i64,
}

/// Answer to a [`DataRef`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Data {
    /// A ConfigMap.
    ConfigMap(Arc<ConfigMapData>),
    /// A Secret.
    Secret(Arc<SecretData>),
    /// Services, in order of name.
    Services(Arc<Vec<ServiceFacts>>),
    /// A claim and its volume.
    Claim {
        /// The claim.
        claim: Arc<PersistentVolumeClaim>,
        /// The volume.
        volume: Arc<PersistentVolume>,
    },
    /// A token.
    Token {
        /// The token itself.
        token: SecretString,
        /// When it ends.
        expires_at: Timestamp,
    },
}

pub use vk_core::resolve::{ConfigMapData, SecretData};

/// Content of a ConfigMap or Secret by key.
pub type KeyedBytes = BTreeMap<String, Bytes>;

/// Takes Events about one pod. Never blocks; a burst is aggregated, not lost.
pub trait EventSink: Send + Sync {
    /// Records the event.
    fn record(&self, event: BackendEvent);
}

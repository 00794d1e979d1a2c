//! Boxed twins of the traits: the core stores these, authors never see them.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use vk_core::Result;
use vk_core::node::NodeShape;
use vk_core::resolved::{ResolvedPod, Target};

use crate::description::Description;
use crate::node::{NodeProvider, NodeSink};
use crate::provider::{
    Accepted, Adopt, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating, Update, Updated,
};
use crate::sink::ObservationSink;

trait DynProvider: Send + Sync {
    fn describe(&self) -> &Description;
    fn create(&self, request: Create) -> BoxFuture<'_, Result<Accepted>>;
    fn terminate(&self, request: Terminate) -> BoxFuture<'_, Result<Terminating>>;
    fn remove(&self, target: Target) -> BoxFuture<'_, Result<()>>;
    fn lookup(&self, target: Target) -> BoxFuture<'_, Result<LookupReply>>;
    fn list(&self, page: Option<PageToken>) -> BoxFuture<'_, Result<Listing>>;
    fn admit<'a>(&'a self, pod: &'a ResolvedPod) -> BoxFuture<'a, Result<()>>;
    fn adopt(&self, request: Adopt) -> BoxFuture<'_, Result<()>>;
    fn update(&self, request: Update) -> BoxFuture<'_, Result<Updated>>;
    fn watch(&self, sink: ObservationSink) -> BoxFuture<'_, Result<()>>;
}

impl<P: Provider> DynProvider for P {
    fn describe(&self) -> &Description {
        Provider::describe(self)
    }
    fn create(&self, request: Create) -> BoxFuture<'_, Result<Accepted>> {
        Provider::create(self, request).boxed()
    }
    fn terminate(&self, request: Terminate) -> BoxFuture<'_, Result<Terminating>> {
        Provider::terminate(self, request).boxed()
    }
    fn remove(&self, target: Target) -> BoxFuture<'_, Result<()>> {
        Provider::remove(self, target).boxed()
    }
    fn lookup(&self, target: Target) -> BoxFuture<'_, Result<LookupReply>> {
        Provider::lookup(self, target).boxed()
    }
    fn list(&self, page: Option<PageToken>) -> BoxFuture<'_, Result<Listing>> {
        Provider::list(self, page).boxed()
    }
    fn admit<'a>(&'a self, pod: &'a ResolvedPod) -> BoxFuture<'a, Result<()>> {
        Provider::admit(self, pod).boxed()
    }
    fn adopt(&self, request: Adopt) -> BoxFuture<'_, Result<()>> {
        Provider::adopt(self, request).boxed()
    }
    fn update(&self, request: Update) -> BoxFuture<'_, Result<Updated>> {
        Provider::update(self, request).boxed()
    }
    fn watch(&self, sink: ObservationSink) -> BoxFuture<'_, Result<()>> {
        Provider::watch(self, sink).boxed()
    }
}

/// Any [`Provider`], shared. It is a `Provider` itself, so layers apply to it as well.
#[derive(Clone)]
pub struct BoxProvider(Arc<dyn DynProvider>);

impl BoxProvider {
    /// Erases the provider's type.
    pub fn new(provider: impl Provider) -> Self {
        Self(Arc::new(provider))
    }
}

impl fmt::Debug for BoxProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxProvider({})", self.0.describe().name)
    }
}

impl Provider for BoxProvider {
    fn describe(&self) -> &Description {
        self.0.describe()
    }
    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        self.0.create(request)
    }
    fn terminate(&self, request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        self.0.terminate(request)
    }
    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send {
        self.0.remove(target)
    }
    fn lookup(&self, target: Target) -> impl Future<Output = Result<LookupReply>> + Send {
        self.0.lookup(target)
    }
    fn list(&self, page: Option<PageToken>) -> impl Future<Output = Result<Listing>> + Send {
        self.0.list(page)
    }
    async fn admit(&self, pod: &ResolvedPod) -> Result<()> {
        self.0.admit(pod).await
    }
    fn adopt(&self, request: Adopt) -> impl Future<Output = Result<()>> + Send {
        self.0.adopt(request)
    }
    fn update(&self, request: Update) -> impl Future<Output = Result<Updated>> + Send {
        self.0.update(request)
    }
    fn watch(&self, sink: ObservationSink) -> impl Future<Output = Result<()>> + Send {
        self.0.watch(sink)
    }
}

trait DynNodeProvider: Send + Sync {
    fn shape(&self) -> BoxFuture<'_, Result<NodeShape>>;
    fn ping(&self) -> BoxFuture<'_, Result<()>>;
    fn watch(&self, sink: NodeSink) -> BoxFuture<'_, Result<()>>;
}

impl<N: NodeProvider> DynNodeProvider for N {
    fn shape(&self) -> BoxFuture<'_, Result<NodeShape>> {
        NodeProvider::shape(self).boxed()
    }
    fn ping(&self) -> BoxFuture<'_, Result<()>> {
        NodeProvider::ping(self).boxed()
    }
    fn watch(&self, sink: NodeSink) -> BoxFuture<'_, Result<()>> {
        NodeProvider::watch(self, sink).boxed()
    }
}

/// Any [`NodeProvider`], shared.
#[derive(Clone)]
pub struct BoxNodeProvider(Arc<dyn DynNodeProvider>);

impl BoxNodeProvider {
    /// Erases the provider's type.
    pub fn new(provider: impl NodeProvider) -> Self {
        Self(Arc::new(provider))
    }
}

impl fmt::Debug for BoxNodeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxNodeProvider")
    }
}

impl NodeProvider for BoxNodeProvider {
    fn shape(&self) -> impl Future<Output = Result<NodeShape>> + Send {
        self.0.shape()
    }
    fn ping(&self) -> impl Future<Output = Result<()>> + Send {
        self.0.ping()
    }
    fn watch(&self, sink: NodeSink) -> impl Future<Output = Result<()>> + Send {
        self.0.watch(sink)
    }
}

//! Cross-cutting behaviour around a provider.
//!
//! A layer is a [`tower_layer::Layer`] whose service is a [`LayeredProvider`]. Its defaults forward, so a layer written
//! today cannot strip a method that is added tomorrow. There is no retry layer: the core is the only retrier.

mod timeouts;

use std::future::Future;

pub use timeouts::{Timeouts, TimeoutsLayer};
use vk_core::Result;
use vk_core::resolved::{ResolvedPod, Target};

use crate::description::Description;
use crate::provider::{
    Accepted, Adopt, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating, Update, Updated,
};
use crate::sink::ObservationSink;

/// A provider around another one. Override what the layer touches; the rest forwards.
pub trait LayeredProvider: Send + Sync + 'static {
    /// What it is laid around.
    type Inner: Provider;

    /// The provider inside.
    fn inner(&self) -> &Self::Inner;

    /// See [`Provider::describe`].
    fn describe(&self) -> &Description {
        self.inner().describe()
    }
    /// See [`Provider::create`].
    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        self.inner().create(request)
    }
    /// See [`Provider::terminate`].
    fn terminate(&self, request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        self.inner().terminate(request)
    }
    /// See [`Provider::remove`].
    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send {
        self.inner().remove(target)
    }
    /// See [`Provider::lookup`].
    fn lookup(&self, target: Target) -> impl Future<Output = Result<LookupReply>> + Send {
        self.inner().lookup(target)
    }
    /// See [`Provider::list`].
    fn list(&self, page: Option<PageToken>) -> impl Future<Output = Result<Listing>> + Send {
        self.inner().list(page)
    }
    /// See [`Provider::admit`].
    fn admit(&self, pod: &ResolvedPod) -> impl Future<Output = Result<()>> + Send {
        self.inner().admit(pod)
    }
    /// See [`Provider::adopt`].
    fn adopt(&self, request: Adopt) -> impl Future<Output = Result<()>> + Send {
        self.inner().adopt(request)
    }
    /// See [`Provider::update`].
    fn update(&self, request: Update) -> impl Future<Output = Result<Updated>> + Send {
        self.inner().update(request)
    }
    /// See [`Provider::watch`].
    fn watch(&self, sink: ObservationSink) -> impl Future<Output = Result<()>> + Send {
        self.inner().watch(sink)
    }
}

/// Lets a [`LayeredProvider`] be used as the provider that it is.
#[derive(Debug, Clone)]
pub struct Layered<L>(pub L);

impl<L: LayeredProvider> Provider for Layered<L> {
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
    fn admit(&self, pod: &ResolvedPod) -> impl Future<Output = Result<()>> + Send {
        self.0.admit(pod)
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

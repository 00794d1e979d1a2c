//! A layer that bounds every call in time.

use std::future::Future;
use std::time::Duration;

use tower_layer::Layer;
use vk_core::error::{Error, Result};
use vk_core::resolved::{ResolvedPod, Target};

use super::{Layered, LayeredProvider};
use crate::provider::{
    Accepted, Adopt, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating, Update, Updated,
};

/// Lays [`Timeouts`] around a provider.
#[derive(Debug, Clone, Copy)]
pub struct TimeoutsLayer {
    /// Bound of calls that change something. When it passes, the outcome is unknown.
    pub write: Duration,
    /// Bound of calls that only read.
    pub read: Duration,
}

impl<P: Provider> Layer<P> for TimeoutsLayer {
    type Service = Layered<Timeouts<P>>;

    fn layer(&self, inner: P) -> Self::Service {
        Layered(Timeouts { inner, bounds: *self })
    }
}

/// A provider of which every call ends in time.
#[derive(Debug, Clone)]
pub struct Timeouts<P> {
    inner: P,
    bounds: TimeoutsLayer,
}

async fn bounded<T>(
    bound: Duration,
    call: impl Future<Output = Result<T>> + Send,
    late: impl FnOnce(String) -> Error + Send,
) -> Result<T> {
    match tokio::time::timeout(bound, call).await {
        Ok(result) => result,
        Err(_) => Err(late(format!("no answer within {} s", bound.as_secs_f32()))),
    }
}

impl<P: Provider> LayeredProvider for Timeouts<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.inner
    }

    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        bounded(self.bounds.write, self.inner.create(request), Error::outcome_unknown)
    }
    fn terminate(&self, request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        bounded(self.bounds.write, self.inner.terminate(request), Error::outcome_unknown)
    }
    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send {
        bounded(self.bounds.write, self.inner.remove(target), Error::outcome_unknown)
    }
    fn lookup(&self, target: Target) -> impl Future<Output = Result<LookupReply>> + Send {
        bounded(self.bounds.read, self.inner.lookup(target), Error::unavailable)
    }
    fn list(&self, page: Option<PageToken>) -> impl Future<Output = Result<Listing>> + Send {
        bounded(self.bounds.read, self.inner.list(page), Error::unavailable)
    }
    fn admit(&self, pod: &ResolvedPod) -> impl Future<Output = Result<()>> + Send {
        bounded(self.bounds.read, self.inner.admit(pod), Error::unavailable)
    }
    fn adopt(&self, request: Adopt) -> impl Future<Output = Result<()>> + Send {
        bounded(self.bounds.write, self.inner.adopt(request), Error::outcome_unknown)
    }
    fn update(&self, request: Update) -> impl Future<Output = Result<Updated>> + Send {
        bounded(self.bounds.write, self.inner.update(request), Error::outcome_unknown)
    }
}

//! Between an agent and its back end: a [`LayeredProvider`] does it; here are the layers that come again and again.

use std::sync::Arc;

use virtual_kubelet::core::resolved::Target;
use virtual_kubelet::core::{PodObservation, Result};
use virtual_kubelet::provider::layer::{Layered, LayeredProvider};
use virtual_kubelet::provider::{
    Accepted, BoxProvider, Create, Description, Listing, LookupReply, ObservationReceiver, ObservationSink, PageToken,
    Provider, Terminate, Terminating,
};

/// The same provider, described differently.
pub fn described(inner: BoxProvider, change: impl FnOnce(&mut Description)) -> BoxProvider {
    let mut description = inner.describe().clone();
    change(&mut description);
    BoxProvider::new(Layered(Described { inner, description }))
}

struct Described {
    inner: BoxProvider,
    description: Description,
}

impl LayeredProvider for Described {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    fn describe(&self) -> &Description {
        &self.description
    }
}

/// The same provider, with every observation changed on whatever way it comes; `None` is as if the pod were not there.
pub fn observed(
    inner: BoxProvider,
    change: impl Fn(PodObservation) -> Option<PodObservation> + Send + Sync + 'static,
) -> BoxProvider {
    BoxProvider::new(Layered(Observed { inner, change: Arc::new(change) }))
}

type Change = Arc<dyn Fn(PodObservation) -> Option<PodObservation> + Send + Sync>;

struct Observed {
    inner: BoxProvider,
    change: Change,
}

impl Observed {
    fn apply(&self, observation: Option<PodObservation>) -> Option<PodObservation> {
        observation.and_then(|observation| (self.change)(observation))
    }
}

impl LayeredProvider for Observed {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let mut accepted = self.inner.create(request).await?;
        accepted.observation = self.apply(accepted.observation);
        Ok(accepted)
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let mut terminating = self.inner.terminate(request).await?;
        terminating.observation = self.apply(terminating.observation);
        Ok(terminating)
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let mut reply = self.inner.lookup(target).await?;
        reply.pod = self.apply(reply.pod);
        Ok(reply)
    }

    async fn list(&self, page: Option<PageToken>) -> Result<Listing> {
        let mut listing = self.inner.list(page).await?;
        listing.pods = listing.pods.into_iter().filter_map(|pod| (self.change)(pod)).collect();
        Ok(listing)
    }

    async fn watch(&self, sink: ObservationSink) -> Result<()> {
        let filtered = FilteredSink { sink, change: self.change.clone() };
        self.inner.watch(ObservationSink::new(Arc::new(filtered))).await
    }
}

struct FilteredSink {
    sink: ObservationSink,
    change: Change,
}

impl ObservationReceiver for FilteredSink {
    fn observe(&self, observation: PodObservation) {
        if let Some(observation) = (self.change)(observation) {
            self.sink.observe(observation);
        }
    }

    fn live(&self) {
        self.sink.live();
    }
}

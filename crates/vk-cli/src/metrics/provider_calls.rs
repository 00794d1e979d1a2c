//! Calls of the provider, by name and result.

use std::future::Future;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;
use tower::Layer;
use vk_core::resolved::{ResolvedPod, Target};
use vk_provider::layer::{Layered, LayeredProvider};
use vk_provider::provider::{
    Accepted, Adopt, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating, Update, Updated,
};
use vk_provider::{ErrorKind, Result};

use super::Counters;

/// From a call in this process to one that starts a virtual machine.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 120.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    call: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    call: &'static str,
    result: &'static str,
}

/// Lays a counter and a clock around a provider.
#[derive(Debug, Clone)]
pub(crate) struct ProviderCallsLayer {
    ended: Counters<Ended>,
    seconds: Family<Call, Histogram, fn() -> Histogram>,
}

impl ProviderCallsLayer {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let ended = Counters::default();
        registry.register("provider_calls", "Calls of the provider that have ended", ended.clone());
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let seconds = Family::new_with_constructor(histogram);
        registry.register_with_unit(
            "provider_call_duration",
            "Time that calls of the provider took",
            Unit::Seconds,
            seconds.clone(),
        );
        Self { ended, seconds }
    }
}

impl<P: Provider> Layer<P> for ProviderCallsLayer {
    type Service = Layered<CountedCalls<P>>;

    fn layer(&self, inner: P) -> Self::Service {
        Layered(CountedCalls { inner, metrics: self.clone() })
    }
}

/// A provider of which every call is counted.
#[derive(Debug)]
pub(crate) struct CountedCalls<P> {
    inner: P,
    metrics: ProviderCallsLayer,
}

impl<P> CountedCalls<P> {
    async fn count<T>(&self, call: &'static str, calling: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let began = Instant::now();
        let result = calling.await;
        self.metrics.seconds.get_or_create(&Call { call }).observe(began.elapsed().as_secs_f64());
        let ended = Ended { call, result: result.as_ref().map_or_else(|error| kind(&error.kind), |_| "ok") };
        self.metrics.ended.get_or_create(&ended).inc();
        result
    }
}

impl<P: Provider> LayeredProvider for CountedCalls<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.inner
    }

    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        self.count("create", self.inner.create(request))
    }
    fn terminate(&self, request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        self.count("terminate", self.inner.terminate(request))
    }
    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send {
        self.count("remove", self.inner.remove(target))
    }
    fn lookup(&self, target: Target) -> impl Future<Output = Result<LookupReply>> + Send {
        self.count("lookup", self.inner.lookup(target))
    }
    fn list(&self, page: Option<PageToken>) -> impl Future<Output = Result<Listing>> + Send {
        self.count("list", self.inner.list(page))
    }
    fn admit(&self, pod: &ResolvedPod) -> impl Future<Output = Result<()>> + Send {
        self.count("admit", self.inner.admit(pod))
    }
    fn adopt(&self, request: Adopt) -> impl Future<Output = Result<()>> + Send {
        self.count("adopt", self.inner.adopt(request))
    }
    fn update(&self, request: Update) -> impl Future<Output = Result<Updated>> + Send {
        self.count("update", self.inner.update(request))
    }
}

fn kind(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid { .. } => "invalid",
        ErrorKind::Unsupported { .. } => "unsupported",
        ErrorKind::Unresolved { .. } => "unresolved",
        ErrorKind::Rejected { .. } => "rejected",
        ErrorKind::Exhausted { .. } => "exhausted",
        ErrorKind::Conflict => "conflict",
        ErrorKind::OtherInstance => "other_instance",
        ErrorKind::OutcomeUnknown => "outcome_unknown",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Unauthenticated => "unauthenticated",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Internal => "internal",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use vk_core::{PodKey, PodUid};
    use vk_provider_mock::MockProvider;

    use super::*;

    #[tokio::test]
    async fn calls_are_counted_by_result_and_timed() {
        let mut registry = Registry::default();
        let layer = ProviderCallsLayer::register(&mut registry);
        let (mock, backend) = MockProvider::in_memory("vk", Timestamp::UNIX_EPOCH);
        let provider = layer.layer(mock);
        let running = tokio::spawn(backend.run());
        let target = || Target::new(PodUid::from("a"), PodKey::new("default", "a"));
        provider.lookup(target()).await.unwrap();
        running.abort();
        drop(running.await);
        provider.lookup(target()).await.unwrap_err();

        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"provider_calls_total{call="lookup",result="ok"} 1"#,
            r#"provider_calls_total{call="lookup",result="unavailable"} 1"#,
            r#"provider_call_duration_seconds_count{call="lookup"} 2"#,
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}

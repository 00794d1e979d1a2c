//! What the agent counts. Names and labels are a promise to dashboards.

mod api_requests;
mod orphans;
mod process;
mod provider_calls;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use virtual_kubelet::kubelet_api::{MetricsSource, RequestMetrics};

pub(crate) use api_requests::ApiRequestsLayer;
pub(crate) use orphans::OrphanMetrics;
pub(crate) use provider_calls::ProviderCallsLayer;

/// Every metric of the agent, and the registry that shows them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: Arc<Registry>,
    /// Counts requests to the API server.
    pub(crate) api_requests: ApiRequestsLayer,
    /// Counts and times calls of the provider.
    pub(crate) provider_calls: ProviderCallsLayer,
    /// Pods that the back end holds and the API does not.
    pub(crate) orphans: OrphanMetrics,
    kubelet_api: RequestMetrics,
    registered: Gauge,
    reachable: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    node: String,
    provider: String,
}

impl Metrics {
    pub(crate) fn new(node: &str, provider: &str) -> Self {
        let mut all = Registry::default();
        all.register_collector(Box::new(process::ProcessCollector));
        let kubelet_api = RequestMetrics::register(&mut all);
        let registry = all.sub_registry_with_prefix("virtual_kubelet");
        let build = Build { version: crate::VERSION, node: node.to_owned(), provider: provider.to_owned() };
        registry.register("build", "Version, node and provider", Info::new(build));
        let registered = Gauge::default();
        registry.register("node_registered", "Whether the Node object is there and ours", registered.clone());
        let reachable = Gauge::default();
        registry.register("backend_reachable", "Whether the provider's back end answers", reachable.clone());
        let api_requests = ApiRequestsLayer::register(registry);
        let provider_calls = ProviderCallsLayer::register(registry);
        let orphans = OrphanMetrics::register(registry);
        Self { registry: Arc::new(all), api_requests, provider_calls, orphans, kubelet_api, registered, reachable }
    }

    /// What is known about the node now.
    pub(crate) fn node(&self, registered: bool, reachable: bool) {
        self.registered.set(i64::from(registered));
        self.reachable.set(i64::from(reachable));
    }
}

/// The registry behind the kubelet API's `/metrics`.
impl MetricsSource for Metrics {
    fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn requests(&self) -> Option<&RequestMetrics> {
        Some(&self.kubelet_api)
    }
}

/// A family of counters by labels.
type Counters<L> = Family<L, prometheus_client::metrics::counter::Counter<u64, AtomicU64>>;

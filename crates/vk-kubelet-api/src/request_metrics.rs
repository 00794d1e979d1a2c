//! [`RequestMetrics`]: requests to the kubelet API, in the kubelet's own families
//! (<https://kubernetes.io/docs/reference/instrumentation/metrics/>).

use std::fmt;

use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::routes::PathLabel;

/// The kubelet's buckets, in seconds: those that Prometheus' Go library has by default.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The server that asks who comes: a kubelet may have one besides that does not, for reading.
const SERVER_TYPE: &str = "readwrite";

/// One kind of request. Nobody can make up new ones: methods and paths that are not served are `other`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    method: &'static str,
    path: &'static str,
    server_type: &'static str,
    long_running: &'static str,
}

type Durations = Family<Kind, Histogram, fn() -> Histogram>;

/// Counts and times the requests of a kubelet API, whatever they are answered, from when their head has been read until
/// their answer or session has ended. Clones count together.
#[derive(Clone)]
pub struct RequestMetrics {
    requests: Family<Kind, Counter>,
    durations: Durations,
    inflight: Family<Kind, Gauge>,
}

impl RequestMetrics {
    /// Adds `kubelet_http_requests_total`, `kubelet_http_requests_duration_seconds` and `kubelet_http_inflight_requests` to
    /// a registry, which has no prefix of its own.
    pub fn register(registry: &mut Registry) -> Self {
        let this = Self {
            requests: Family::default(),
            durations: Durations::new_with_constructor(|| Histogram::new(SECONDS)),
            inflight: Family::default(),
        };
        registry.register("kubelet_http_requests", "Requests to the kubelet API", this.requests.clone());
        registry.register_with_unit(
            "kubelet_http_requests_duration",
            "Time that requests to the kubelet API took, sessions included",
            Unit::Seconds,
            this.durations.clone(),
        );
        registry.register(
            "kubelet_http_inflight_requests",
            "Requests to the kubelet API that are under way, sessions included",
            this.inflight.clone(),
        );
        this
    }

    /// Counts a request for this path, percent-encoded; it is under way until what is returned is dropped.
    pub fn begin(&self, method: &Method, path: &str) -> CountedRequest {
        let path = PathLabel::of(path);
        let kind = Kind {
            method: method_label(method),
            path: path.text,
            server_type: SERVER_TYPE,
            long_running: if path.long_running { "true" } else { "false" },
        };
        self.requests.get_or_create(&kind).inc();
        self.inflight.get_or_create(&kind).inc();
        CountedRequest { metrics: self.clone(), kind, begun: Instant::now() }
    }
}

impl fmt::Debug for RequestMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMetrics").finish_non_exhaustive()
    }
}

/// A request that is under way.
#[must_use]
#[derive(Debug)]
pub struct CountedRequest {
    metrics: RequestMetrics,
    kind: Kind,
    begun: Instant,
}

impl Drop for CountedRequest {
    fn drop(&mut self) {
        self.metrics.inflight.get_or_create(&self.kind).dec();
        self.metrics.durations.get_or_create(&self.kind).observe(self.begun.elapsed().as_secs_f64());
    }
}

/// The methods that a kubelet tells apart.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::OPTIONS => "OPTIONS",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shown(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_counted_at_its_beginning_and_timed_at_its_end() {
        let mut registry = Registry::default();
        let metrics = RequestMetrics::register(&mut registry);
        let session = metrics.begin(&Method::POST, "/exec/a/b/c");
        drop(metrics.begin(&Method::PATCH, "/made-up"));
        tokio::time::advance(Duration::from_secs(3)).await;
        let exec = r#"{method="POST",path="exec",server_type="readwrite",long_running="true"}"#;
        let other = r#"{method="other",path="other",server_type="readwrite",long_running="false"}"#;
        let text = shown(&registry);
        for line in [
            format!("kubelet_http_requests_total{exec} 1"),
            format!("kubelet_http_inflight_requests{exec} 1"),
            format!("kubelet_http_requests_total{other} 1"),
            format!("kubelet_http_inflight_requests{other} 0"),
        ] {
            assert!(text.contains(&line), "{line}: {text}");
        }
        assert!(!text.contains(&format!("kubelet_http_requests_duration_seconds_count{exec}")), "{text}");
        drop(session);
        let text = shown(&registry);
        let bucket = exec.replace('{', r#"{le="2.5","#);
        for line in [
            format!("kubelet_http_inflight_requests{exec} 0"),
            format!("kubelet_http_requests_duration_seconds_sum{exec} 3.0"),
            format!("kubelet_http_requests_duration_seconds_count{exec} 1"),
            format!("kubelet_http_requests_duration_seconds_bucket{bucket} 0"),
        ] {
            assert!(text.contains(&line), "{line}: {text}");
        }
    }
}

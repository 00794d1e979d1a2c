//! Pods for tests.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as api;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use vk_core::resolved::{RawPod, Target};
use vk_core::{BackendEvent, PodKey, PodUid, ResolvedPod};
use vk_provider::provider::Create;
use vk_provider::{ClusterData, Data, DataRef, EventSink, PodContext, Result};

use crate::ANNOTATION_PREFIX;

pub(crate) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    start().checked_add(Duration::from_secs(seconds)).unwrap()
}

/// A pod with one container `main`, restart policy and scripting annotations (without their prefix).
pub(crate) fn pod(uid: &str, restart_policy: &str, script: &[(&str, &str)]) -> Arc<ResolvedPod> {
    let spec = json!({"restartPolicy": restart_policy, "containers": [{"name": "main", "image": "busybox:1"}]});
    pod_with_spec(uid, spec, script)
}

pub(crate) fn pod_with_spec(uid: &str, spec: serde_json::Value, script: &[(&str, &str)]) -> Arc<ResolvedPod> {
    let annotations: serde_json::Map<_, _> =
        script.iter().map(|(key, value)| (format!("{ANNOTATION_PREFIX}{key}"), json!(value))).collect();
    let text = json!({
        "metadata": {"namespace": "default", "name": format!("pod-{uid}"), "uid": uid, "annotations": annotations},
        "spec": spec,
    })
    .to_string();
    let decoded: api::Pod = serde_json::from_str(&text).unwrap();
    let key = PodKey::new("default", format!("pod-{uid}"));
    Arc::new(ResolvedPod::unresolved(PodUid::from(uid), key, Arc::new(decoded), RawPod::new(text)))
}

pub(crate) fn target(uid: &str) -> Target {
    Target::new(PodUid::from(uid), PodKey::new("default", format!("pod-{uid}")))
}

pub(crate) fn create(pod: &Arc<ResolvedPod>) -> Create {
    Create::new(Arc::clone(pod), context(), CancellationToken::new())
}

pub(crate) fn context() -> PodContext {
    PodContext::new(Arc::new(Nothing), Arc::new(Nothing), Arc::default(), tracing::Span::none())
}

/// A cluster without data and without ears.
struct Nothing;

impl ClusterData for Nothing {
    fn get(&self, _: DataRef) -> BoxFuture<'_, Result<Option<Data>>> {
        Box::pin(async { Ok(None) })
    }

    fn changes(&self, _: DataRef) -> BoxStream<'static, Result<Option<Data>>> {
        futures::stream::pending().boxed()
    }
}

impl EventSink for Nothing {
    fn record(&self, _: BackendEvent) {}
}

/// The Events of some pods.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<parking_lot::Mutex<Vec<String>>>);

impl Heard {
    pub(crate) fn context(&self) -> PodContext {
        PodContext::new(Arc::new(Nothing), Arc::new(self.clone()), Arc::default(), tracing::Span::none())
    }

    pub(crate) fn create(&self, pod: &Arc<ResolvedPod>) -> Create {
        Create::new(Arc::clone(pod), self.context(), CancellationToken::new())
    }

    /// As in `Started: Started container main`.
    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

impl EventSink for Heard {
    fn record(&self, event: BackendEvent) {
        self.0.lock().push(format!("{}: {}", event.reason, event.message));
    }
}

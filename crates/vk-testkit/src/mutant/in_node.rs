//! Bugs in how the Node and its lease are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{Method, Request};
use serde_json::{Value, json};
use virtual_kubelet::core::Result;
use virtual_kubelet::provider::{BoxNodeProvider, NodeProvider, NodeShape, NodeSink};

use super::rewrite::{bodies, events, kind, swallowed};
use crate::interposer::{Asked, Interposition, Onward, success};

/// The lease is never renewed.
pub(super) fn never_renews_the_lease() -> Interposition {
    swallowed(|asked| asked.is(&Method::PATCH, "leases"))
}

/// A renewal that is lost, or refused, is taken for one that came through.
pub(super) fn takes_its_lease_for_renewed() -> Interposition {
    Interposition::none().with_api(|| {
        |request: Request<Bytes>, onward: Onward| {
            if !Asked::of(&request).is(&Method::PATCH, "leases") {
                return onward.send(request);
            }
            let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            async move {
                match tokio::time::timeout(Duration::from_secs(1), onward.send(request)).await {
                    Ok(Ok(response)) if response.status().is_success() => Ok(response),
                    _ => Ok(success(&asked)),
                }
            }
            .boxed()
        }
    })
}

/// The lease is renewed only while the back end answers.
pub(super) fn renews_the_lease_if_the_back_end_answers() -> Interposition {
    let answers = Arc::new(AtomicBool::new(true));
    let seen = answers.clone();
    Interposition::none()
        .with_node_provider(move |inner| BoxNodeProvider::new(NotedPing { inner, answers: seen.clone() }))
        .with_api(move || {
            let answers = answers.clone();
            move |request: Request<Bytes>, onward: Onward| {
                let waits = Asked::of(&request).is(&Method::PATCH, "leases");
                let answers = answers.clone();
                async move {
                    while waits && !answers.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    onward.send(request).await
                }
                .boxed()
            }
        })
}

/// Notes whether the newest ping was answered.
struct NotedPing {
    inner: BoxNodeProvider,
    answers: Arc<AtomicBool>,
}

impl NodeProvider for NotedPing {
    async fn shape(&self) -> Result<NodeShape> {
        self.inner.shape().await
    }

    async fn ping(&self) -> Result<()> {
        self.answers.store(false, Ordering::Relaxed);
        let answer = self.inner.ping().await;
        self.answers.store(answer.is_ok(), Ordering::Relaxed);
        answer
    }

    async fn watch(&self, sink: NodeSink) -> Result<()> {
        self.inner.watch(sink).await
    }
}

/// A back end that hangs makes the node not ready, which evicts its pods.
pub(super) fn is_not_ready_without_the_back_end() -> Interposition {
    bodies(Method::PATCH, "nodes/status", |patch| {
        let Some(conditions) = patch.pointer_mut("/status/conditions").and_then(Value::as_array_mut) else { return };
        let is_away = |condition: &Value| condition["type"] == "BackendReachable" && condition["status"] == "False";
        if conditions.iter().any(is_away) {
            conditions.retain(|condition| condition["type"] != "Ready");
            conditions.push(json!({"type": "Ready", "status": "False", "reason": "BackendUnreachable"}));
        }
    })
}

/// The Node's labels are written as a whole.
pub(super) fn replaces_all_labels() -> Interposition {
    bodies(Method::PATCH, "nodes", |patch| {
        if let Some(labels) = patch.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.insert("$patch".to_owned(), json!("replace"));
        }
    })
}

/// That the Node was deleted is not noticed.
pub(super) fn ignores_that_the_node_is_deleted() -> Interposition {
    events("nodes", |event| (kind(&event) != "DELETED").then_some(event))
}

/// What others write into the Node is not noticed.
pub(super) fn ignores_what_others_write_into_the_node() -> Interposition {
    events("nodes", |event| (kind(&event) != "MODIFIED").then_some(event))
}

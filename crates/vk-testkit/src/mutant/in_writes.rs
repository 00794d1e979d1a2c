//! Bugs in what is written to the API server about pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{Method, Request};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::rewrite::{bodies, is_terminal, pretend, swallowed, take_out, text};
use crate::interposer::{Asked, Interposition, Onward};

const MERGE: &str = "application/strategic-merge-patch+json";

/// A DELETE takes whoever has the name by now.
pub(super) fn deletes_by_name() -> Interposition {
    bodies(Method::DELETE, "pods", |options| take_out(options, "", "preconditions"))
}

/// A status goes to whoever has the name by now.
pub(super) fn writes_statuses_by_name() -> Interposition {
    bodies(Method::PATCH, "pods/status", |patch| take_out(patch, "", "metadata"))
}

/// A status that was computed from an old version is written over a newer one.
pub(super) fn overwrites_newer_statuses() -> Interposition {
    bodies(Method::PATCH, "pods/status", |patch| take_out(patch, "/metadata", "resourceVersion"))
}

/// The list of conditions is written as a whole.
pub(super) fn replaces_all_conditions() -> Interposition {
    bodies(Method::PATCH, "pods/status", |patch| {
        if let Some(conditions) = patch.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
            conditions.push(json!({"$patch": "replace"}));
        }
    })
}

/// Why a container waits is not told.
pub(super) fn hides_reasons() -> Interposition {
    bodies(Method::PATCH, "pods/status", |patch| {
        let containers = patch.pointer_mut("/status/containerStatuses").and_then(Value::as_array_mut);
        containers.into_iter().flatten().for_each(|container| take_out(container, "/state/waiting", "message"));
    })
}

/// Nothing is recorded for people.
pub(super) fn records_no_events() -> Interposition {
    swallowed(|asked| asked.is_write() && asked.resource == "events")
}

/// Each pod's status is written once.
pub(super) fn writes_one_status() -> Interposition {
    Interposition::none().with_api(|| {
        let written = Mutex::new(BTreeSet::new());
        super::rewrite::swallowing(move |asked| {
            asked.is(&Method::PATCH, "pods/status") && !written.lock().insert(asked.name.clone())
        })
    })
}

/// What was refused twenty times is forgotten.
pub(super) fn gives_up_after_twenty_tries() -> Interposition {
    Interposition::none().with_api(|| {
        let failures: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        move |request: Request<Bytes>, onward: Onward| {
            let asked = Asked::of(&request);
            if !asked.is(&Method::PATCH, "pods/status") {
                return onward.send(request);
            }
            if failures.lock().get(&asked.name).is_some_and(|failed| *failed >= 20) {
                return pretend(&request, &onward);
            }
            let failures = failures.clone();
            async move {
                let response = onward.send(request).await?;
                if response.status().is_server_error() {
                    *failures.lock().entry(asked.name).or_default() += 1;
                }
                Ok(response)
            }
            .boxed()
        }
    })
}

/// The object is deleted before its end was told.
pub(super) fn deletes_before_the_end_is_told() -> Interposition {
    Interposition::none().with_api(|| {
        |request: Request<Bytes>, onward: Onward| {
            let asked = Asked::of(&request);
            let patch: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let is_end = is_terminal(text(&patch, "/status/phase"));
            if !asked.is(&Method::PATCH, "pods/status") || !is_end {
                return onward.send(request);
            }
            let path = request.uri().path().trim_end_matches("/status").to_owned();
            let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": text(&patch, "/metadata/uid")}});
            async move {
                let read = onward.read_instead(&request).await?;
                if is_being_deleted(read).await {
                    drop(onward.send_own(Method::DELETE, &path, "application/json", &options).await);
                }
                onward.send(request).await
            }
            .boxed()
        }
    })
}

async fn is_being_deleted(response: http::Response<vk_apiserver::ResponseBody>) -> bool {
    use http_body_util::BodyExt;
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let object: Value = serde_json::from_slice(&body).unwrap_or_default();
    !text(&object, "/metadata/deletionTimestamp").is_empty()
}

/// Whatever has ended has succeeded.
pub(super) fn calls_every_end_a_success() -> Interposition {
    bodies(Method::PATCH, "pods/status", |patch| {
        if let Some(phase) = patch.pointer_mut("/status/phase").filter(|phase| **phase == "Failed") {
            *phase = Value::from("Succeeded");
        }
    })
}

/// Something on the way repeats a status after a while, without what it was tied to.
pub(super) fn repeats_old_statuses() -> Interposition {
    Interposition::none().with_api(|| {
        |request: Request<Bytes>, onward: Onward| {
            let patch: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let is_start = text(&patch, "/status/phase") == "Running";
            if is_start && Asked::of(&request).is(&Method::PATCH, "pods/status") {
                let (path, onward) = (request.uri().path().to_owned(), onward.clone());
                let again = json!({"status": {"phase": "Running"}});
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    drop(onward.send_own(Method::PATCH, &path, MERGE, &again).await);
                });
            }
            onward.send(request)
        }
    })
}

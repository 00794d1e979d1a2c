//! Bugs in what is concluded from what the API server shows of pods.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use vk_apiserver::ResponseBody;

use super::rewrite::{events, is_terminal, kind, seen, take_out, text};
use crate::interposer::{Asked, Interposition, Onward, each_event, success};

/// That a pod is being deleted, or is gone, is not noticed. Tombstones alone may be missed: the server shows the deletion
/// before it removes the object, and the proof of absence does the rest.
pub(super) fn overlooks_deletions() -> Interposition {
    events("pods", |event| {
        let is_being_deleted = !text(&event, "/object/metadata/deletionTimestamp").is_empty();
        (kind(&event) != "DELETED" && !is_being_deleted).then_some(event)
    })
}

/// A pod that others have ended runs on.
pub(super) fn overlooks_ends_by_others() -> Interposition {
    events("pods", |mut event| {
        let is_end = is_terminal(text(&event, "/object/status/phase"));
        let by_others = text(&event, "/object/status/reason") == "Evicted";
        if let (true, true, Some(phase)) = (is_end, by_others, event.pointer_mut("/object/status/phase")) {
            *phase = Value::from("Running");
        }
        Some(event)
    })
}

/// Whatever has changed before this process is taken for carried over.
pub(super) fn takes_changes_for_carried_over() -> Interposition {
    seen("pods", |pod| {
        if let (Some(generation), Some(status)) = (pod.pointer("/metadata/generation").cloned(), pod.get_mut("status"))
        {
            status["observedGeneration"] = generation;
        }
    })
}

/// `activeDeadlineSeconds` is left to somebody else.
pub(super) fn overlooks_deadlines() -> Interposition {
    seen("pods", |pod| take_out(pod, "/spec", "activeDeadlineSeconds"))
}

/// A deletion is carried out at once, whatever still runs.
pub(super) fn deletes_at_once() -> Interposition {
    on_deletion(|onward, path, uid| {
        let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
        onward.send_own(Method::DELETE, &path, "application/json", &options)
    })
}

/// A deletion is told as the end, whatever still runs.
pub(super) fn tells_the_end_at_once() -> Interposition {
    on_deletion(|onward, path, uid| {
        let status = json!({"metadata": {"uid": uid}, "status": {"phase": "Failed"}});
        onward.send_own(Method::PATCH, &format!("{path}/status"), "application/strategic-merge-patch+json", &status)
    })
}

fn on_deletion(act: fn(Onward, String, String) -> crate::interposer::Exchange) -> Interposition {
    Interposition::none().with_api(move || {
        move |request: Request<Bytes>, onward: Onward| {
            let is_watch = Asked::of(&request).watches("pods");
            async move {
                let response = onward.send(request).await?;
                if !is_watch {
                    return Ok(response);
                }
                Ok(each_event(response, move |event| {
                    let part = |pointer| text(&event, pointer).to_owned();
                    let (namespace, name) = (part("/object/metadata/namespace"), part("/object/metadata/name"));
                    if kind(&event) == "MODIFIED" && !part("/object/metadata/deletionTimestamp").is_empty() {
                        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
                        tokio::spawn(act(onward.clone(), path, part("/object/metadata/uid")));
                    }
                    Some(event)
                }))
            }
            .boxed()
        }
    })
}

/// "Forbidden" is taken for "not found", and that for proof.
pub(super) fn takes_forbidden_for_gone() -> Interposition {
    Interposition::none().with_api(|| {
        let forbidden: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        move |request: Request<Bytes>, onward: Onward| {
            let asked = Asked::of(&request);
            if asked.lists("pods") && forbidden.lock().iter().any(|name| asked.has(&format!("metadata.name%3D{name}")))
            {
                return futures::future::ready(Ok(success(&empty_list()))).boxed();
            }
            let forbidden = forbidden.clone();
            async move {
                let response = onward.send(request).await?;
                if asked.is_write() && asked.resource.starts_with("pods") && response.status() == StatusCode::FORBIDDEN
                {
                    forbidden.lock().insert(asked.name);
                }
                Ok(response)
            }
            .boxed()
        }
    })
}

/// Absence is proved by a cache that has just been filled with nothing.
pub(super) fn proves_absence_from_a_cache() -> Interposition {
    answered_emptily(|asked| asked.lists("pods") && asked.has("metadata.name%3D"))
}

/// Orphans are collected although nobody was asked who has them.
pub(super) fn collects_without_proof() -> Interposition {
    answered_emptily(|asked| asked.lists("pods") && asked.namespace.is_empty() && !asked.has("limit="))
}

fn answered_emptily(is_meant: fn(&Asked) -> bool) -> Interposition {
    Interposition::none().with_api(move || {
        move |request: Request<Bytes>, onward: Onward| {
            if is_meant(&Asked::of(&request)) {
                return futures::future::ready(Ok(success(&empty_list()))).boxed();
            }
            onward.send(request)
        }
    })
}

fn empty_list() -> Value {
    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []})
}

/// A list that is older than what was seen already is believed.
pub(super) fn lists_from_a_stale_cache() -> Interposition {
    Interposition::none().with_api(|| {
        let cached: Arc<Mutex<Option<Bytes>>> = Arc::default();
        move |request: Request<Bytes>, onward: Onward| {
            let asked = Asked::of(&request);
            if !asked.lists("pods") || !asked.has("limit=") {
                return onward.send(request);
            }
            let cached = cached.clone();
            async move {
                let fresh = onward.send(request).await?;
                let bytes = body_of(fresh).await;
                let list = cached.lock().get_or_insert(bytes).clone();
                Ok(success(&serde_json::from_slice(&list).unwrap_or_default()))
            }
            .boxed()
        }
    })
}

async fn body_of(response: Response<ResponseBody>) -> Bytes {
    response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default()
}

/// A watch that broke goes on from now, without a list: who went in the gap is not missed.
pub(super) fn watches_on_over_a_gap() -> Interposition {
    Interposition::none().with_api(|| {
        |request: Request<Bytes>, onward: Onward| {
            let watches = Asked::of(&request).watches("pods");
            onward.send(if watches { without_version(&request) } else { request })
        }
    })
}

fn without_version(request: &Request<Bytes>) -> Request<Bytes> {
    let mut from_now = request.clone();
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("resourceVersion")).collect();
    if let Ok(uri) = format!("{path}?{}", kept.join("&")).parse::<Uri>() {
        *from_now.uri_mut() = uri;
    }
    from_now
}

/// Every pod of the cluster is watched.
pub(super) fn watches_every_pod() -> Interposition {
    without_field_selector(|asked| asked.resource == "pods")
}

/// Whole namespaces are read for the sake of one ConfigMap.
pub(super) fn reads_whole_namespaces() -> Interposition {
    without_field_selector(|asked| asked.resource == "configmaps")
}

fn without_field_selector(is_meant: fn(&Asked) -> bool) -> Interposition {
    Interposition::none().with_api(move || {
        move |mut request: Request<Bytes>, onward: Onward| {
            let asked = Asked::of(&request);
            if asked.method == Method::GET && is_meant(&asked) {
                let kept: Vec<&str> = asked.query.split('&').filter(|it| !it.starts_with("fieldSelector")).collect();
                let path = request.uri().path();
                let path = path.strip_suffix(&format!("/{}", asked.name)).unwrap_or(path);
                if let Ok(uri) = format!("{path}?{}", kept.join("&")).parse::<Uri>() {
                    *request.uri_mut() = uri;
                }
            }
            onward.send(request)
        }
    })
}

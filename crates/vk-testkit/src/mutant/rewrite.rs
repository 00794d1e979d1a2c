//! What bugs towards the API server are made of.

use bytes::Bytes;
use futures::FutureExt;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::interposer::{ApiInterposer, Asked, Interposition, Onward, answer, each_event, success};

/// The bodies of these requests are changed on their way.
pub(super) fn bodies(method: Method, resource: &'static str, change: fn(&mut Value)) -> Interposition {
    Interposition::none().with_api(move || {
        let method = method.clone();
        move |request: Request<Bytes>, onward: Onward| {
            let is_meant = Asked::of(&request).is(&method, resource);
            onward.send(if is_meant { with_body(request, change) } else { request })
        }
    })
}

/// The request with another body; what is no JSON stays as it is.
pub(super) fn with_body(request: Request<Bytes>, change: impl FnOnce(&mut Value)) -> Request<Bytes> {
    request.map(|body| match serde_json::from_slice(&body) {
        Ok(mut value) => {
            change(&mut value);
            Bytes::from(value.to_string())
        }
        Err(_) => body,
    })
}

/// These requests are not carried out, and answered as if they had been.
pub(super) fn swallowed(is_meant: fn(&Asked) -> bool) -> Interposition {
    Interposition::none().with_api(move || swallowing(is_meant))
}

/// The same, where it depends on what went before.
pub(super) fn swallowing(is_meant: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> impl ApiInterposer {
    move |request: Request<Bytes>, onward: Onward| {
        if is_meant(&Asked::of(&request)) { pretend(&request, &onward) } else { onward.send(request) }
    }
}

/// Answers as if a request had been carried out: with the object as it is, or as it was to be created.
pub(super) fn pretend(request: &Request<Bytes>, onward: &Onward) -> crate::interposer::Exchange {
    if request.method() == Method::POST {
        let object: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        return futures::future::ready(Ok(answer(StatusCode::CREATED, &object))).boxed();
    }
    onward.read_instead(request)
}

/// The events of the watch of a resource are changed, or dropped.
pub(super) fn events(resource: &'static str, change: fn(Value) -> Option<Value>) -> Interposition {
    Interposition::none().with_api(move || {
        move |request: Request<Bytes>, onward: Onward| {
            let is_meant = Asked::of(&request).watches(resource);
            let exchange = onward.send(request);
            async move {
                let response = exchange.await?;
                Ok(if is_meant { each_event(response, change) } else { response })
            }
            .boxed()
        }
    })
}

/// Every object of a resource is seen otherwise than it is, in lists and watches.
pub(super) fn seen(resource: &'static str, change: fn(&mut Value)) -> Interposition {
    let listed = Interposition::none().with_api(move || {
        move |request: Request<Bytes>, onward: Onward| {
            let is_meant = Asked::of(&request).lists(resource);
            let exchange = onward.send(request);
            async move {
                let response = exchange.await?;
                if !is_meant || !response.status().is_success() {
                    return Ok(response);
                }
                let bytes = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let mut list: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                list["items"].as_array_mut().into_iter().flatten().for_each(change);
                Ok(success(&list))
            }
            .boxed()
        }
    });
    let watched = Interposition::none().with_api(move || {
        move |request: Request<Bytes>, onward: Onward| {
            let is_meant = Asked::of(&request).watches(resource);
            let exchange = onward.send(request);
            let change_event = move |mut event: Value| {
                event.pointer_mut("/object").into_iter().for_each(change);
                Some(event)
            };
            async move {
                let response = exchange.await?;
                Ok(if is_meant { each_event(response, change_event) } else { response })
            }
            .boxed()
        }
    });
    listed.within(watched)
}

/// The kind of a watch event: `ADDED`, `MODIFIED`, `DELETED`, ….
pub(super) fn kind(event: &Value) -> &str {
    text(event, "/type")
}

/// A text in an object, or an empty one.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Takes a field out of the object at `pointer`.
pub(super) fn take_out(value: &mut Value, pointer: &str, field: &str) {
    if let Some(object) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.remove(field);
    }
}

/// Whether this is a phase that ends a pod.
pub(super) fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

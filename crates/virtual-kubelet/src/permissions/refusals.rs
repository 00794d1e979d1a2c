//! [`RefusalsLayer`]: a request that the API server forbids is named in the log, with what does not work without it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service};

use super::{PERMISSIONS, RequestAttributes};

/// Time between two messages about the same kind of request.
const REMINDER: Duration = Duration::from_secs(600);
/// Kinds of requests of which it is known when they were told. There are fewer.
const MOST_KINDS: usize = 256;
/// More than any `Status` that refuses something takes.
const STATUS_BYTES: usize = 64 << 10;

/// Laid around the connection of a client, it warns of requests that are answered with 403: which verb on which resource, what
/// does not work without it, and what the API server says. Each kind is told once in ten minutes, by all clones together.
#[derive(Debug, Clone, Default)]
pub struct RefusalsLayer {
    told: Arc<Mutex<BTreeMap<RequestAttributes, Instant>>>,
}

impl<S> Layer<S> for RefusalsLayer {
    type Service = ToldRefusals<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ToldRefusals { inner, layer: self.clone() }
    }
}

impl RefusalsLayer {
    fn tell(&self, attributes: RequestAttributes, body: &[u8]) {
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        if status.is_of_a_namespace_that_goes() || !self.is_due(&attributes) {
            return;
        }
        let purpose = PERMISSIONS.iter().find(|permission| permission.covers(&attributes)).map(|it| it.purpose);
        let mut needed = String::new();
        if let Some(purpose) = purpose {
            // Writing to a string does not fail.
            let _ = write!(needed, " (needed for {purpose})");
        }
        tracing::warn!("the API server forbids {attributes}{needed}: {}", status.message);
    }

    /// Whether this kind was not told of late. Namespaces make no difference.
    fn is_due(&self, attributes: &RequestAttributes) -> bool {
        let kind = RequestAttributes { namespace: String::new(), ..attributes.clone() };
        let now = Instant::now();
        let mut told = self.told.lock();
        if told.get(&kind).is_some_and(|at| now.duration_since(*at) < REMINDER) {
            return false;
        }
        if told.len() >= MOST_KINDS {
            told.clear();
        }
        told.insert(kind, now);
        true
    }
}

/// The parts of a `Status` that tell of a refusal.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    details: Details,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
}

impl Status {
    /// No permission is missing there: nobody may create anything in it any more.
    fn is_of_a_namespace_that_goes(&self) -> bool {
        self.details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
    }
}

/// A connection whose refusals are told.
#[derive(Debug, Clone)]
pub struct ToldRefusals<S> {
    inner: S,
    layer: RefusalsLayer,
}

impl<S, A, B> Service<Request<A>> for ToldRefusals<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let attributes = RequestAttributes::of(request.method(), request.uri());
        let layer = self.layer.clone();
        let answer = self.inner.call(request);
        async move {
            let (parts, body) = answer.await.map_err(Into::into)?.into_parts();
            if parts.status != StatusCode::FORBIDDEN {
                return Ok(Response::from_parts(parts, body.map_err(Into::into).boxed_unsync()));
            }
            let body = Limited::new(body, STATUS_BYTES).collect().await?.to_bytes();
            layer.tell(attributes, &body);
            Ok(Response::from_parts(parts, Full::new(body).map_err(|never| match never {}).boxed_unsync()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;

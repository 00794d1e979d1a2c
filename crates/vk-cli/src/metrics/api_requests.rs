//! Requests to the API server, by verb, resource and answer.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::registry::Registry;
use tower::{Layer, Service};
use virtual_kubelet::permissions::RequestAttributes;

use super::Counters;

/// One kind of request and of answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ApiRequest {
    verb: &'static str,
    /// With its subresource, as in `pods/status`.
    resource: String,
    /// The status code, or `error` if there was no answer.
    code: String,
}

/// Lays a counter around a client's connection.
#[derive(Debug, Clone)]
pub(crate) struct ApiRequestsLayer(Counters<ApiRequest>);

impl ApiRequestsLayer {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counters = Counters::default();
        registry.register("api_requests", "Requests to the API server that were answered or failed", counters.clone());
        Self(counters)
    }
}

impl<S> Layer<S> for ApiRequestsLayer {
    type Service = CountedRequests<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountedRequests { inner, counters: self.0.clone() }
    }
}

/// A connection of which every request is counted.
#[derive(Debug, Clone)]
pub(crate) struct CountedRequests<S> {
    inner: S,
    counters: Counters<ApiRequest>,
}

impl<S, A, B> Service<Request<A>> for CountedRequests<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let attributes = RequestAttributes::of(request.method(), request.uri());
        let (verb, resource) = (attributes.verb, attributes.resource_path());
        let counters = self.counters.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code =
                answer.as_ref().map_or_else(|_| "error".to_owned(), |answer| answer.status().as_str().to_owned());
            counters.get_or_create(&ApiRequest { verb, resource, code }).inc();
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_and_failures_are_counted() {
        let layer = ApiRequestsLayer::register(&mut Registry::default());
        let answers = tower::service_fn(|request: Request<()>| async move {
            if request.uri().path() == "/api/v1/nodes" { Ok(Response::new(())) } else { Err("broken") }
        });
        let mut service = layer.layer(answers);
        for path in ["/api/v1/nodes", "/api/v1/nodes", "/api/v1/pods"] {
            drop(service.call(Request::get(path).body(()).unwrap()).await);
        }
        let count = |resource: &str, code: &str| {
            layer.0.get_or_create(&ApiRequest { verb: "list", resource: resource.into(), code: code.into() }).get()
        };
        assert_eq!((count("nodes", "200"), count("pods", "error")), (2, 1));
    }
}

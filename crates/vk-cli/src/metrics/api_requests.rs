//! Requests to the API server, by verb, resource and answer.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Method, Request, Response, Uri};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::registry::Registry;
use tower::{Layer, Service};

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
        let (verb, resource) = classify(request.method(), request.uri());
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

/// The verb as Kubernetes has it, and the resource without the names of objects: labels must stay few.
fn classify(method: &Method, uri: &Uri) -> (&'static str, String) {
    let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
    let prefix = match segments.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return (verb(method, uri, true), "none".to_owned()),
    };
    let rest: Vec<&str> = segments.skip(prefix).collect();
    let rest = match rest.as_slice() {
        ["namespaces", _, below @ ..] if !below.is_empty() => below,
        all => all,
    };
    let resource = match rest {
        [] => "none".to_owned(),
        [resource] | [resource, _] => (*resource).to_owned(),
        [resource, _, subresource, ..] => format!("{resource}/{subresource}"),
    };
    (verb(method, uri, rest.len() > 1), resource)
}

fn verb(method: &Method, uri: &Uri, is_named: bool) -> &'static str {
    let is_watch =
        uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true" || part == "watch=1"));
    match *method {
        Method::GET if is_watch => "watch",
        Method::GET if is_named => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PATCH => "patch",
        Method::PUT => "update",
        Method::DELETE => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_without_names() {
        let cases = [
            (Method::GET, "/api/v1/pods?fieldSelector=spec.nodeName%3Dvk", "list", "pods"),
            (Method::GET, "/api/v1/pods?watch=true&resourceVersion=1", "watch", "pods"),
            (Method::PATCH, "/api/v1/namespaces/default/pods/web-0/status", "patch", "pods/status"),
            (Method::DELETE, "/api/v1/namespaces/default/pods/web-0", "delete", "pods"),
            (Method::GET, "/api/v1/namespaces/default", "get", "namespaces"),
            (Method::POST, "/api/v1/namespaces/a/serviceaccounts/b/token", "create", "serviceaccounts/token"),
            (Method::GET, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/vk", "get", "leases"),
            (Method::POST, "/apis/authorization.k8s.io/v1/subjectaccessreviews", "create", "subjectaccessreviews"),
            (Method::GET, "/version", "get", "none"),
        ];
        for (method, uri, verb, resource) in cases {
            assert_eq!(classify(&method, &Uri::from_static(uri)), (verb, resource.to_owned()), "{uri}");
        }
    }

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

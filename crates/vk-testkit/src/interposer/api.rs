//! Between an agent's clients and the API server.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::StreamExt;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use tower::Service;
use virtual_kubelet::kube::Client;
use virtual_kubelet::kube::client::Body;
use vk_apiserver::{ApiService, ResponseBody, TransportError};

/// An answer that is awaited.
pub type Exchange = BoxFuture<'static, Result<Response<ResponseBody>, TransportError>>;

/// Sees every request of one agent before the API server does, and every answer before the agent does.
pub trait ApiInterposer: Send + Sync + 'static {
    /// Answers a request: by sending it onward as it is, or in any other way.
    fn exchange(&self, request: Request<Bytes>, onward: Onward) -> Exchange;
}

impl<F> ApiInterposer for F
where
    F: Fn(Request<Bytes>, Onward) -> Exchange + Send + Sync + 'static,
{
    fn exchange(&self, request: Request<Bytes>, onward: Onward) -> Exchange {
        self(request, onward)
    }
}

/// The rest of the way to the API server.
#[derive(Clone)]
pub struct Onward(Arc<dyn Fn(Request<Bytes>) -> Exchange + Send + Sync>);

impl Onward {
    pub(super) fn to(service: ApiService) -> Self {
        Self(Arc::new(move |request| service.clone().call(request.map(Full::new))))
    }

    pub(super) fn through(self, interposer: Arc<dyn ApiInterposer>) -> Self {
        Self(Arc::new(move |request| interposer.exchange(request, self.clone())))
    }

    pub(super) fn client(&self) -> Client {
        Client::new(Entrance(self.clone()), "default")
    }

    /// Sends a request on.
    pub fn send(&self, request: Request<Bytes>) -> Exchange {
        (self.0)(request)
    }

    /// Sends a request that the agent never made.
    pub fn send_own(&self, method: Method, path: &str, content_type: &str, body: &Value) -> Exchange {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, content_type);
        match request.body(Bytes::from(body.to_string())) {
            Ok(request) => self.send(request),
            Err(_) => futures::future::ready(Err(TransportError::RequestBody)).boxed(),
        }
    }

    /// Reads the object that a request is about, instead of carrying the request out.
    pub fn read_instead(&self, request: &Request<Bytes>) -> Exchange {
        let path = request.uri().path();
        let path = path.strip_suffix("/status").unwrap_or(path).to_owned();
        let accept = request.headers().get(header::ACCEPT).cloned();
        let mut read = Request::new(Bytes::new());
        if let (Ok(uri), headers) = (path.parse(), read.headers_mut()) {
            accept.into_iter().for_each(|accept| drop(headers.insert(header::ACCEPT, accept)));
            *read.uri_mut() = uri;
        }
        self.send(read)
    }
}

/// An answer of the interposer's own, with this body.
pub fn answer(code: StatusCode, body: &Value) -> Response<ResponseBody> {
    let bytes = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(bytes);
    *response.status_mut() = code;
    response
}

/// The same, 200.
pub fn success(body: &Value) -> Response<ResponseBody> {
    answer(StatusCode::OK, body)
}

/// Changes a watch's events one by one; `None` drops one. The server sends each event as one chunk; what is no event, as
/// the half of one that a fault leaves, stays as it is.
pub fn each_event(
    watch: Response<ResponseBody>,
    mut change: impl FnMut(Value) -> Option<Value> + Send + 'static,
) -> Response<ResponseBody> {
    // What refuses a watch is no event.
    if !watch.status().is_success() {
        return watch;
    }
    watch.map(|body| {
        let chunks = body.into_data_stream().filter_map(move |chunk| {
            let changed = match chunk {
                Ok(bytes) => match serde_json::from_slice(&bytes) {
                    Ok(event) => change(event).map(|event| Ok(line_of(&event))),
                    Err(_) => Some(Ok(bytes)),
                },
                Err(error) => Some(Err(error)),
            };
            futures::future::ready(changed)
        });
        StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
    })
}

/// The type comes first, as every API server writes it: a reader of raw JSON has to know what follows.
fn line_of(event: &Value) -> Bytes {
    let part = |key: &str| event.get(key).cloned().unwrap_or_default();
    Bytes::from(format!("{{\"type\":{},\"object\":{}}}\n", part("type"), part("object")))
}

/// What `kube::Client` takes for its connection.
#[derive(Clone)]
struct Entrance(Onward);

impl Service<Request<Body>> for Entrance {
    type Response = Response<ResponseBody>;
    type Error = TransportError;
    type Future = Exchange;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Exchange {
        let onward = self.0.clone();
        let exchange = async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| TransportError::RequestBody)?;
            onward.send(Request::from_parts(parts, body.to_bytes())).await
        };
        exchange.boxed()
    }
}

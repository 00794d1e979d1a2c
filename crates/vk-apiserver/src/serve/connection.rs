//! One connection of a client: handshake, protocol, requests.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::{HeaderValue, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authentication;
use super::gateway::Gateway;
use crate::api_error::ApiError;
use crate::identity::Identity;

pub(super) const HTTP2: &[u8] = b"h2";
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the head of a request, and between two of them.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer, from the store or from a node.
pub(super) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What is still to be done once an answer has been given: to carry its body, or the upgraded connection.
pub(super) struct Later(Option<BoxFuture<'static, ()>>);

impl Later {
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn of(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(work.boxed()))
    }
}

/// An answer without a body.
pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A refusal as a `metav1.Status`.
pub(super) fn refused(error: &ApiError) -> Response<Body> {
    let mut response = Response::new(whole(error.to_status().to_string().into()));
    *response.status_mut() = error.code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Serves one client until it goes.
pub(super) async fn serve(gateway: Arc<Gateway>, acceptor: TlsAcceptor, stream: TcpStream) {
    let stream = match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => return tracing::debug!("a TLS handshake took too long"),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = certificate.and_then(|certificate| authentication::of_certificate(certificate));
    if let Err(error) = requests(gateway, stream, certificate).await {
        tracing::debug!(%error, "a client's connection broke");
    }
}

async fn requests(
    gateway: Arc<Gateway>,
    stream: TlsStream<TcpStream>,
    certificate: Option<Identity>,
) -> hyper::Result<()> {
    let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
    // One for each request at most, and requests of one connection are limited.
    let (tasks, mut new_tasks) = mpsc::unbounded_channel();
    let certificate = certificate.map(Arc::new);
    let respond = service_fn(move |request: Request<Incoming>| {
        let (gateway, certificate, tasks) = (gateway.clone(), certificate.clone(), tasks.clone());
        async move {
            let (response, later) = gateway.respond(certificate.as_deref(), request).await;
            if let Some(work) = later.0 {
                // The receiver lives as long as the connection.
                let _ = tasks.send(work);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let stream = TokioIo::new(stream);
    let connection = if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
        builder.serve_connection(stream, respond).boxed()
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder.serve_connection(stream, respond).with_upgrades().boxed()
    };
    let mut connection = pin!(connection);
    let mut running = FuturesUnordered::new();
    let served = loop {
        tokio::select! {
            biased;
            Some(work) = new_tasks.recv() => running.push(work),
            Some(()) = running.next() => {}
            served = &mut connection => break served,
        }
    };
    // An upgraded connection goes on after HTTP.
    while let Ok(work) = new_tasks.try_recv() {
        running.push(work);
    }
    if served.is_ok() {
        while running.next().await.is_some() {}
    }
    served
}

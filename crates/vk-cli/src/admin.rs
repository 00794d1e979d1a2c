//! Metrics and health, on an address of their own: `/metrics`, `/healthz`, `/readyz`. Plain HTTP, nothing secret.

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use virtual_kubelet::kubelet_api::{ExpositionFormat, MetricsSource};

/// Connections at once; scrapers and probes need a handful.
const CONNECTIONS: usize = 64;
/// A connection that has said nothing for this long is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const PLAIN: &str = "text/plain; charset=utf-8";

/// What the agent says about itself; `/readyz` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Not yet, or not any more, and why.
    NotReady(String),
    /// The node is registered and takes pods.
    Ready,
    /// The node has ended by itself, and why: the process has to be started again.
    Failed(String),
}

/// Serves until the token is cancelled. Requests that are under way then are dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<dyn MetricsSource>,
    readiness: watch::Receiver<Readiness>,
    shutdown: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            Some(_) = connections.join_next() => {}
            (permit, accepted) = accepted => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream, Arc::clone(&metrics), readiness.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections have to end first.
                    tracing::warn!(%error, "the metrics server cannot accept a connection");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}

async fn connection(stream: TcpStream, metrics: Arc<dyn MetricsSource>, readiness: watch::Receiver<Readiness>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &*metrics, &readiness.borrow());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(16 * 1024);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to the metrics server broke");
    }
}

fn respond<B>(request: &Request<B>, metrics: &dyn MetricsSource, readiness: &Readiness) -> Response<Full<Bytes>> {
    let method = request.method();
    if method != Method::GET && method != Method::HEAD {
        return response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET is served here\n".to_owned());
    }
    match request.uri().path() {
        "/metrics" => {
            let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
            let format = ExpositionFormat::negotiate(accept);
            match metrics.open_metrics() {
                Ok(text) => response(StatusCode::OK, format.content_type(), format.convert(text)),
                Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
            }
        }
        "/healthz" | "/livez" => match readiness {
            Readiness::Ready | Readiness::NotReady(_) => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            Readiness::Failed(reason) => response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{reason}\n")),
        },
        "/readyz" => match readiness {
            Readiness::Ready => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            Readiness::NotReady(reason) | Readiness::Failed(reason) => {
                response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{reason}\n"))
            }
        },
        _ => response(StatusCode::NOT_FOUND, PLAIN, "there is /metrics, /healthz and /readyz\n".to_owned()),
    }
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

//! A request passed on to a node's kubelet API, and its answer back, upgraded connections included.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Fuse, FusedFuture as _, FutureExt as _};
use http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::{Body, Later};
use crate::api_error::ApiError;
use crate::kernel::NodeRequest;

/// For the connection and its handshake together.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// So much of a kubelet's refusal is read.
const REFUSAL_BYTES: usize = 64 * 1024;
/// Headers of one connection that mean nothing on the next (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("te"),
    HeaderName::from_static("trailer"),
    HeaderName::from_static("transfer-encoding"),
];

/// Why a node did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error("error dialing backend: {0}")]
    Dial(#[from] std::io::Error),
    #[error("error dialing backend: {address}:{port}: no connection within {DIAL_TIMEOUT:?}")]
    DialTimeout { address: String, port: u16 },
    #[error("error dialing backend: {0:?} is neither an IP address nor a host name")]
    Name(String),
    #[error("the kubelet API did not answer: {0}")]
    Http(#[from] hyper::Error),
}

/// An answer, and what is still to be driven while its body or its upgraded connection lives.
pub(super) struct Relayed {
    pub(super) response: Response<Body>,
    pub(super) later: Later,
}

/// The way to the nodes of one cluster.
#[derive(Clone)]
pub(super) struct Relay {
    connector: TlsConnector,
}

impl Relay {
    /// With the certificate that the nodes know the API server by.
    pub(super) fn new(config: ClientConfig) -> Self {
        Self { connector: TlsConnector::from(Arc::new(config)) }
    }

    pub(super) async fn pass(&self, to: &NodeRequest, request: Request<Incoming>) -> Result<Relayed, RelayError> {
        let (mut sender, connection) = self.dial(to).await?;
        // Looked at again and again, also after it has ended: with an upgrade it ends at once.
        let mut connection = connection.with_upgrades().fuse();
        let (outbound, client) = readdress(to, request);
        let answered = {
            let mut answered = pin!(sender.send_request(outbound));
            tokio::select! {
                biased;
                answered = &mut answered => answered,
                ended = &mut connection => match ended {
                    Ok(()) => answered.await,
                    Err(error) => Err(error),
                },
            }
        };
        let answer = answered?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(switch(answer, client, connection));
        }
        if to.rewords_errors && !answer.status().is_success() {
            let (head, body) = answer.into_parts();
            let read = async { Limited::new(body, REFUSAL_BYTES).collect().await.map(|body| body.to_bytes()) };
            drop(sender);
            let (text, ()) = tokio::join!(read, finish(connection));
            let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
            return Ok(Relayed {
                response: super::connection::refused(&reworded(head.status, &text)),
                later: Later::none(),
            });
        }
        let mut response = answer.map(|body| body.map_err(Into::into).boxed_unsync());
        strip(response.headers_mut());
        let driven = async move {
            // The sender keeps the connection open.
            let _sender = sender;
            finish(connection).await;
        };
        Ok(Relayed { response, later: Later::of(driven) })
    }

    async fn dial(
        &self,
        to: &NodeRequest,
    ) -> Result<
        (
            http1::SendRequest<Incoming>,
            http1::Connection<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>, Incoming>,
        ),
        RelayError,
    > {
        let name = ServerName::try_from(to.address.clone()).map_err(|_| RelayError::Name(to.address.clone()))?;
        let dialled = timeout(DIAL_TIMEOUT, async {
            let stream = TcpStream::connect((to.address.as_str(), to.port)).await?;
            stream.set_nodelay(true)?;
            self.connector.connect(name, stream).await
        });
        let stream =
            dialled.await.map_err(|_| RelayError::DialTimeout { address: to.address.clone(), port: to.port })??;
        Ok(http1::handshake(TokioIo::new(stream)).await?)
    }
}

/// The same request, for the kubelet; the client's own credentials stay here.
fn readdress(to: &NodeRequest, mut request: Request<Incoming>) -> (Request<Incoming>, OnUpgrade) {
    let client = hyper::upgrade::on(&mut request);
    let upgrades = request.headers().contains_key(UPGRADE);
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = http::Uri::from(to.path.clone());
    let headers = request.headers_mut();
    strip(headers);
    headers.remove(AUTHORIZATION);
    if !upgrades {
        headers.remove(CONNECTION);
    }
    if let Ok(host) = HeaderValue::from_str(&format!("{}:{}", to.address, to.port)) {
        headers.insert(HOST, host);
    }
    (request, client)
}

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Joins the two upgraded connections, once the client has got its 101.
fn switch<C>(mut answer: Response<Incoming>, client: OnUpgrade, connection: Fuse<C>) -> Relayed
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let node = hyper::upgrade::on(&mut answer);
    let response = answer.map(|_| super::connection::empty());
    let joined = async move {
        let ((), both) = tokio::join!(finish(connection), async { tokio::try_join!(node, client) });
        match both {
            Ok((node, client)) => {
                // Either side may go without a farewell.
                let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(node), &mut TokioIo::new(client)).await;
            }
            Err(error) => tracing::debug!(%error, "a connection was not upgraded"),
        }
    };
    Relayed { response, later: Later::of(joined) }
}

/// Drives a connection to its end, if it has not ended before.
async fn finish<C: Future<Output = hyper::Result<()>>>(connection: Fuse<C>) {
    if connection.is_terminated() {
        return;
    }
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to a kubelet API broke");
    }
}

/// A kubelet's refusal as the API server words it (`pkg/registry/generic/rest/response_checker.go`).
fn reworded(code: StatusCode, text: &str) -> ApiError {
    match code {
        StatusCode::INTERNAL_SERVER_ERROR => ApiError::internal(text),
        StatusCode::BAD_REQUEST => ApiError::bad_request(text),
        code => ApiError::unexpected_answer(code, text),
    }
}

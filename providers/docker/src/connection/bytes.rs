//! Requests for what programs print. Docker's client guesses from the bytes themselves whether they are a terminal's or come
//! in frames, and a terminal may print anything; so these requests are made here.

use std::time::Duration;

use bollard::errors::Error as DockerError;
use bytes::Bytes;
use futures::TryStreamExt;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, BodyStream, Full, Limited};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::io::ReaderStream;
use vk_core::Result;

use super::{Connection, REQUEST_SECONDS, error_of};
use crate::config::Endpoint;
use crate::output::{Layout, Output, output};
use crate::version;

/// Bytes are taken from an upgraded connection in pieces of up to this many.
const PIECE: usize = 32 << 10;
/// The longest explanation of an error that is read.
const LONGEST_REFUSAL: usize = 64 << 10;

/// Both directions of a connection that has changed from HTTP to a program's streams.
pub(crate) struct Hijacked {
    pub(crate) output: Output,
    /// Its end is the end of the program's stdin.
    pub(crate) input: tokio::io::WriteHalf<TokioIo<Upgraded>>,
}

impl Connection {
    /// The body of the answer to a GET.
    pub(crate) async fn read(&self, path: &str, layout: Layout) -> Result<Output> {
        let answer = self.exchange(Method::GET, path, HeaderMap::new(), Bytes::new()).await?;
        let bytes = BodyStream::new(answer.into_body()).try_filter_map(|frame| async { Ok(frame.into_data().ok()) });
        Ok(output(bytes.map_err(std::io::Error::other), layout))
    }

    /// The connection itself, after the answer to a POST.
    pub(crate) async fn hijack(&self, path: &str, body: &Value, layout: Layout) -> Result<Hijacked> {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.exchange(Method::POST, path, headers, body.to_string().into()).await?;
        let upgraded = hyper::upgrade::on(answer).await.map_err(|error| error_of(error.into()))?;
        let (read, input) = tokio::io::split(TokioIo::new(upgraded));
        Ok(Hijacked { output: output(ReaderStream::with_capacity(read, PIECE), layout), input })
    }

    /// Sends a request on a connection of its own; the head of the answer is waited for, and anything but success is an error.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>> {
        let version = self.agreed().await?.version;
        let exchange = async {
            let mut uri: Uri = path.parse().map_err(http::Error::from)?;
            version::name_in(&mut uri, version);
            let mut request =
                Request::builder().method(method).uri(uri).header(HOST, "docker").body(Full::new(body))?;
            request.headers_mut().extend(headers);
            let answer = send(&self.endpoint, request).await?;
            let is_good = answer.status().is_success() || answer.status() == StatusCode::SWITCHING_PROTOCOLS;
            if is_good { Ok(answer) } else { Err(refusal(answer).await) }
        };
        let answer = timeout(Duration::from_secs(REQUEST_SECONDS), exchange).await;
        answer.unwrap_or(Err(DockerError::RequestTimeoutError)).map_err(error_of)
    }
}

async fn send(endpoint: &Endpoint, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, DockerError> {
    match endpoint {
        Endpoint::Unix(path) => send_over(UnixStream::connect(path).await?, request).await,
        Endpoint::Http(address) => send_over(TcpStream::connect(address).await?, request).await,
    }
}

async fn send_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, DockerError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer's body or the upgraded stream, and tells them of its errors.
    tokio::spawn(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}

async fn refusal(answer: Response<Incoming>) -> DockerError {
    let status_code = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), LONGEST_REFUSAL).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = || String::from_utf8_lossy(&body).into_owned();
    let message = said["message"].as_str().map_or_else(text, str::to_owned);
    DockerError::DockerResponseServerError { status_code, message }
}

//! Probes and hooks by HTTP.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use vk_pod_engine::runtime::HttpQuestion;

use super::{Complaint, connect, drive};

/// Asks, and looks at nothing of the answer but its status. A redirection is not followed: who redirects is well.
pub(super) async fn get(tls: &TlsConnector, question: HttpQuestion) -> Result<(), Complaint> {
    let request = request(&question)?;
    let stream = connect(&question.host, question.port).await?;
    let status = if question.tls {
        let name =
            ServerName::try_from(question.host.clone()).map_err(|error| format!("{}: {error}", question.host))?;
        let stream = tls.connect(name, stream).await.map_err(|error| format!("TLS with {}: {error}", question.host))?;
        send(stream, request).await?
    } else {
        send(stream, request).await?
    };
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("HTTP probe failed with statuscode: {status}")) }
}

fn request(question: &HttpQuestion) -> Result<Request<Empty<Bytes>>, Complaint> {
    let host = if question.host.contains(':') { format!("[{}]", question.host) } else { question.host.clone() };
    let mut request = Request::builder()
        .uri(&question.path)
        .header(HOST, format!("{host}:{}", question.port))
        .header(USER_AGENT, super::USER_AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| format!("path {:?}: {error}", question.path))?;
    let headers = request.headers_mut();
    for (name, value) in &question.headers {
        let wrong = || format!("header {name:?} cannot be sent");
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        headers.insert(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
    }
    Ok(request)
}

/// Sends the request; answers with the status.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<u16, Complaint> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    drive(async { sender.send_request(request).await.map(|response| response.status().as_u16()) }, connection).await
}

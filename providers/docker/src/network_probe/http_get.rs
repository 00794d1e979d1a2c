//! Probes and hooks by HTTP.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
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

/// What the connection itself decides.
const OF_THE_CONNECTION: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING];

/// As a kubelet does it: headers of one name are all sent, but of `Host` and `User-Agent` only the first. An empty `Accept` or
/// `User-Agent` leaves the header out.
fn request(question: &HttpQuestion) -> Result<Request<Empty<Bytes>>, Complaint> {
    let host = if question.host.contains(':') { format!("[{}]", question.host) } else { question.host.clone() };
    let mut asked = asked_headers(question)?;
    let own_host = format!("{host}:{}", question.port);
    // What is removed is the first.
    let host = asked.remove(HOST).filter(|value| !value.is_empty()).map_or_else(|| HeaderValue::try_from(own_host), Ok);
    let agent = asked.remove(USER_AGENT).unwrap_or(HeaderValue::from_static(super::USER_AGENT));
    if !asked.contains_key(ACCEPT) {
        asked.insert(ACCEPT, HeaderValue::from_static("*/*"));
    } else if asked.get(ACCEPT).is_some_and(HeaderValue::is_empty) {
        asked.remove(ACCEPT);
    }
    let mut request = Request::builder()
        .uri(&question.path)
        .header(HOST, host.map_err(|error| format!("host {:?}: {error}", question.host))?)
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| format!("path {:?}: {error}", question.path))?;
    if !agent.is_empty() {
        request.headers_mut().insert(USER_AGENT, agent);
    }
    request.headers_mut().extend(asked);
    Ok(request)
}

fn asked_headers(question: &HttpQuestion) -> Result<HeaderMap, Complaint> {
    let mut headers = HeaderMap::new();
    for (name, value) in &question.headers {
        let wrong = || format!("header {name:?} cannot be sent");
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        if !OF_THE_CONNECTION.contains(&name) {
            headers.append(name, value);
        }
    }
    Ok(headers)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The headers of a request with these `httpHeaders`, less that of the connection.
    fn sent(headers: &[(&str, &str)]) -> Vec<String> {
        let question = HttpQuestion {
            host: "::1".to_owned(),
            port: 80,
            tls: false,
            path: "/".to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let mut request = request(&question).unwrap();
        assert_eq!(request.headers_mut().remove(CONNECTION).unwrap(), "close");
        let text = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<String> = request.headers().iter().map(text).collect();
        lines.sort();
        lines
    }

    #[test]
    fn headers_of_one_name_are_all_sent() {
        let headers = [("X-A", "2"), ("x-a", "1"), ("X-A", "1"), ("Accept", "text/html"), ("Accept", "text/plain")];
        let expected =
            ["accept: text/html", "accept: text/plain", "host: [::1]:80", "user-agent: kube-probe/virtual-kubelet"];
        assert_eq!(sent(&headers)[..4], expected);
        assert_eq!(sent(&headers)[4..], ["x-a: 1", "x-a: 1", "x-a: 2"]);
    }

    #[test]
    fn host_and_agent_are_sent_once_and_what_is_empty_is_left_out() {
        let headers = [("Host", "a"), ("Host", "b"), ("User-Agent", "c"), ("user-agent", "d")];
        assert_eq!(sent(&headers), ["accept: */*", "host: a", "user-agent: c"]);
        assert_eq!(sent(&[("Host", ""), ("User-Agent", ""), ("Accept", "")]), ["host: [::1]:80"]);
    }

    #[test]
    fn the_frame_of_the_request_is_the_connections_own() {
        let headers = [("Connection", "upgrade"), ("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
        assert_eq!(sent(&headers), sent(&[]));
    }
}

//! Probes by gRPC: `grpc.health.v1.Health/Check` (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).
//!
//! One request with one field and one answer with one field: the few bytes of it are written and read here.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Complaint, drive};

/// Far more than an answer takes.
const MOST_BYTES: usize = 64 << 10;
/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u8 = 1;
/// Tags of field 1, with length and as a number.
const TEXT_FIELD: u8 = 0x0a;
const NUMBER_FIELD: u8 = 0x08;
/// A message is preceded by whether it is compressed, and four bytes of length.
const PREFIX: usize = 5;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Asks whether a service can serve; an empty name asks for the server as a whole.
pub(super) async fn check(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    authority: &str,
    service: &str,
) -> Result<(), Complaint> {
    let request = Request::post(format!("http://{authority}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", super::USER_AGENT)
        .body(Full::new(message(service)?))
        .map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok::<_, BoxError>((status, headers, trailers, body.to_bytes()))
    };
    let (status, headers, trailers, body) = drive(exchange, connection).await?;
    judge(status, &headers, &trailers, &body)
}

/// `HealthCheckRequest { service }`, with its prefix.
fn message(service: &str) -> Result<Bytes, Complaint> {
    let length = u8::try_from(service.len()).ok().filter(|length| *length < 0x80);
    let length = length.ok_or_else(|| format!("the service's name {service:?} is longer than 127 bytes"))?;
    let mut field = Vec::new();
    if length > 0 {
        field.extend([TEXT_FIELD, length]);
        field.extend(service.as_bytes());
    }
    let mut message = vec![0, 0, 0, 0, u8::try_from(field.len()).unwrap_or(u8::MAX)];
    message.extend(field);
    Ok(message.into())
}

fn judge(status: StatusCode, headers: &HeaderMap, trailers: &HeaderMap, body: &[u8]) -> Result<(), Complaint> {
    // A server that has nothing to say puts it all into the headers.
    let said = |name: &str| {
        let value = trailers.get(name).or_else(|| headers.get(name));
        value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    match said("grpc-status").as_str() {
        "0" => {}
        "" => return Err(format!("no gRPC: HTTP status {status} without grpc-status")),
        code => return Err(format!("gRPC status {code}: {}", said("grpc-message"))),
    }
    let answer = match body.get(PREFIX..) {
        Some([NUMBER_FIELD, answer, ..]) => *answer,
        // A number that is zero is left out.
        _ => 0,
    };
    match answer {
        SERVING => Ok(()),
        2 => Err("service unhealthy (responded with \"NOT_SERVING\")".to_owned()),
        3 => Err("service unhealthy (responded with \"SERVICE_UNKNOWN\")".to_owned()),
        _ => Err("service unhealthy (responded with \"UNKNOWN\")".to_owned()),
    }
}

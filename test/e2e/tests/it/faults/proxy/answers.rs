//! Requests and answers, as a server in trouble treats them.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

type Answer = UnsyncBoxBody<Bytes, io::Error>;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The API server never sees it; this status is the answer.
    Refused(u16),
    /// It is carried out, and the connection breaks off before the answer.
    AnswerLost,
    /// It is carried out, and the connection breaks off within the answer's body.
    AnswerTruncated,
}

/// In the order of [`Answering::counts`].
const FAULTS: [Fault; 8] = [
    Fault::Refused(409),
    Fault::Refused(410),
    Fault::Refused(429),
    Fault::Refused(500),
    Fault::Refused(503),
    Fault::Refused(504),
    Fault::AnswerLost,
    Fault::AnswerTruncated,
];

impl Fault {
    /// Whether a server could fail so.
    fn suits(self, method: &Method, is_watch: bool) -> bool {
        match self {
            Self::Refused(409) => method != Method::GET,
            Self::Refused(410) => is_watch,
            Self::AnswerLost => !is_watch,
            _ => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => write!(formatter, "answered {code}"),
            Self::AnswerLost => formatter.write_str("done and not answered"),
            Self::AnswerTruncated => formatter.write_str("answer cut off"),
        }
    }
}

/// Answers requests, mostly with what the API server says.
pub(super) struct Answering {
    client: Client,
    percent: AtomicU32,
    seed: u64,
    requests: AtomicU64,
    counts: [AtomicU64; FAULTS.len()],
}

impl Answering {
    pub(super) fn new(client: Client, seed: u64) -> Self {
        Self { client, percent: AtomicU32::new(0), seed, requests: AtomicU64::new(0), counts: Default::default() }
    }

    pub(super) fn falsify(&self, percent: u32) {
        self.percent.store(percent, Ordering::Relaxed);
    }

    pub(super) fn tally(&self) -> String {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let faults: Vec<String> = FAULTS.iter().zip(counts).map(|(fault, count)| format!("{fault}: {count}")).collect();
        format!("requests: {}, of them {}", self.requests.load(Ordering::Relaxed), faults.join(", "))
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Answer>> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut random = SmallRng::seed_from_u64(self.seed.wrapping_add(number));
        let percent = self.percent.load(Ordering::Relaxed);
        let index = choose(&mut random, request.method(), request.uri(), percent);
        if let Some(count) = index.and_then(|index| self.counts.get(index)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let fault = index.and_then(|index| FAULTS.get(index)).copied();
        if let Some(Fault::Refused(code)) = fault {
            return refusal(code).map_err(io::Error::other);
        }
        let response = self.pass_on(request).await?;
        match fault {
            Some(Fault::AnswerLost) => Err(io::Error::other("the answer is lost")),
            Some(Fault::AnswerTruncated) => {
                let length = random.random_range(0..2000);
                Ok(response.map(|body| truncated(body, length)))
            }
            _ => Ok(response.map(|body| body.map_err(io::Error::other).boxed_unsync())),
        }
    }

    async fn pass_on(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (mut head, body) = request.into_parts();
        // Of this connection, not of the next one.
        head.headers.remove(header::HOST);
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Request::from_parts(head, Body::from(body.to_vec()));
        let mut response = self.client.send(request).await.map_err(io::Error::other)?;
        response.headers_mut().remove(header::TRANSFER_ENCODING);
        response.headers_mut().remove(header::CONNECTION);
        Ok(response)
    }
}

/// Accepts connections and answers, for ever.
pub(super) async fn serve(listener: TcpListener, tls: TlsAcceptor, answering: Arc<Answering>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_one(stream, tls.clone(), Arc::clone(&answering)))),
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve_one(stream: TcpStream, tls: TlsAcceptor, answering: Arc<Answering>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| {
        let answering = Arc::clone(&answering);
        async move { answering.answer(request).await }
    });
    // An error is an answer that was lost on purpose, or an agent that has gone.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// What becomes of a request, as an index of [`FAULTS`]; `None` is nothing bad.
fn choose(random: &mut SmallRng, method: &Method, uri: &Uri, percent: u32) -> Option<usize> {
    if !random.random_ratio(percent, 100) {
        return None;
    }
    let is_watch = uri.query().unwrap_or_default().split('&').any(|pair| pair == "watch=true" || pair == "watch=1");
    let suiting: Vec<usize> =
        FAULTS.iter().enumerate().filter(|(_, fault)| fault.suits(method, is_watch)).map(|(index, _)| index).collect();
    suiting.choose(random).copied()
}

/// A failure in the words of Kubernetes.
fn refusal(code: u16) -> Result<Response<Answer>, http::Error> {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "made up by the proxy of a test", "reason": reason, "code": code,
    });
    let body = Full::new(Bytes::from(status.to_string())).map_err(|never: Infallible| match never {});
    let mut response =
        Response::builder().status(StatusCode::from_u16(code)?).header(header::CONTENT_TYPE, "application/json");
    if code == 429 {
        response = response.header(header::RETRY_AFTER, "1");
    }
    response.body(body.boxed_unsync())
}

/// The first bytes of a body, and then an error.
fn truncated(body: Body, length: usize) -> Answer {
    let mut left = length;
    let frames = body.into_data_stream().flat_map(move |data| {
        stream::iter(match data {
            Ok(data) if data.len() <= left => {
                left -= data.len();
                vec![Ok(Frame::data(data))]
            }
            Ok(mut data) => vec![Ok(Frame::data(data.split_to(left))), Err(io::Error::other("cut off here"))],
            Err(error) => vec![Err(io::Error::other(error))],
        })
    });
    StreamBody::new(frames).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_and_only_where_a_server_could_fail_so() {
        let mut random = SmallRng::seed_from_u64(1);
        let mut faults = |method: Method, uri: &'static str| {
            let mut found: Vec<usize> =
                (0..500).filter_map(|_| choose(&mut random, &method, &Uri::from_static(uri), 100)).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        assert_eq!(faults(Method::PATCH, "/api/v1/nodes/a/status"), [0, 2, 3, 4, 5, 6, 7]);
        assert_eq!(faults(Method::GET, "/api/v1/pods?watch=true&resourceVersion=1"), [1, 2, 3, 4, 5, 7]);
        assert_eq!(faults(Method::GET, "/api/v1/pods?limit=500"), [2, 3, 4, 5, 6, 7]);
        assert_eq!(choose(&mut random, &Method::GET, &Uri::from_static("/"), 0), None);
    }

    #[tokio::test]
    async fn a_truncated_body_ends_with_an_error_after_its_first_bytes() {
        let mut frames = truncated(Body::from(b"0123456789".to_vec()), 4).into_data_stream();
        assert_eq!(frames.next().await.unwrap().unwrap(), "0123");
        assert!(frames.next().await.unwrap().is_err());
    }
}

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use vk_pod_engine::runtime::HttpQuestion;

use super::*;

const LOCALHOST: &str = "127.0.0.1";

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn ask(question: NetworkQuestion) -> Option<String> {
    match HostNetworkProbe::new().unwrap().ask(question).await {
        ProbeAnswer::Passed => None,
        ProbeAnswer::Failed(why) => Some(why),
    }
}

/// Answers `/NUMBER` with this status, and anything but the right headers with 400.
async fn answer_by_http(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    let answer = |request: Request<Incoming>| async move {
        let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let is_right = header("x-asked") == "by the pod" && header("host") == "example.com";
        let status = request.uri().path().trim_start_matches('/').parse().unwrap();
        let response = Response::builder().status(if is_right { status } else { 400 });
        Ok::<_, Infallible>(response.header("location", "http://127.0.0.1:1/").body(Full::new(Bytes::new())).unwrap())
    };
    // The client may go first.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

fn http(port: u16, path: &str, tls: bool) -> NetworkQuestion {
    let headers = [("X-Asked", "by the pod"), ("Host", "example.com")];
    NetworkQuestion::Http(HttpQuestion {
        host: LOCALHOST.to_owned(),
        port,
        tls,
        path: path.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    })
}

#[tokio::test]
async fn a_port_is_open_or_not() {
    let (listener, port) = listener().await;
    let question = || NetworkQuestion::Tcp { host: LOCALHOST.to_owned(), port };
    assert_eq!(ask(question()).await, None);
    drop(listener);
    assert!(ask(question()).await.unwrap().contains("refused"));
}

#[tokio::test]
async fn an_http_status_below_400_passes_and_redirections_are_not_followed() {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer_by_http(stream).await;
        }
    });
    for passing in ["/200", "/204?deep=1", "/302"] {
        assert_eq!(ask(http(port, passing, false)).await, None, "{passing}");
    }
    for failing in ["404", "503"] {
        let why = ask(http(port, &format!("/{failing}"), false)).await.unwrap();
        assert!(why.contains(failing), "{why}");
    }
    let mut wrong = http(port, "/200", false);
    if let NetworkQuestion::Http(question) = &mut wrong {
        question.headers.push(("not a name".to_owned(), String::new()));
    }
    assert!(ask(wrong).await.unwrap().contains("not a name"));
}

#[tokio::test]
async fn any_certificate_will_do() {
    let made = rcgen::generate_simple_self_signed(["somebody.else".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer_by_http(stream).await;
            }
        }
    });
    assert_eq!(ask(http(port, "/200", true)).await, None);
    assert!(ask(http(port, "/500", true)).await.unwrap().contains("500"));
    assert!(ask(http(port, "/200", false)).await.is_some(), "HTTPS was asked for by HTTP");
}

/// Answers health checks: the service `db` is not well, `none` is not known, `odd` has no health.
async fn answer_by_grpc(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    let answer = |request: Request<Incoming>| async move {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        let asked = request.into_body().collect().await.unwrap().to_bytes();
        let service = String::from_utf8_lossy(asked.get(7..).unwrap_or_default()).into_owned();
        let (code, status) = match service.as_str() {
            "" => ("0", 1),
            "db" => ("0", 2),
            "none" => ("5", 0),
            other => panic!("asked for {other:?}"),
        };
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(code));
        trailers.insert("grpc-message", HeaderValue::from_static("not here"));
        let message = Bytes::from(vec![0, 0, 0, 0, 2, 0x08, status]);
        let frames = [Ok::<_, Infallible>(Frame::data(message)), Ok(Frame::trailers(trailers))];
        Ok::<_, Infallible>(Response::new(StreamBody::new(futures::stream::iter(frames))))
    };
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

#[tokio::test]
async fn a_grpc_server_says_whether_a_service_serves() {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_by_grpc(stream));
        }
    });
    let host: IpAddr = LOCALHOST.parse().unwrap();
    let question = |service: &str| NetworkQuestion::Grpc { host, port, service: service.to_owned() };
    assert_eq!(ask(question("")).await, None);
    assert!(ask(question("db")).await.unwrap().contains("NOT_SERVING"));
    assert!(ask(question("none")).await.unwrap().contains("gRPC status 5: not here"));
    assert!(ask(question(&"x".repeat(128))).await.unwrap().contains("longer than 127"));
}

#[tokio::test]
async fn what_speaks_no_grpc_has_failed() {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer_by_http(stream).await;
        }
    });
    let question = NetworkQuestion::Grpc { host: LOCALHOST.parse().unwrap(), port, service: String::new() };
    assert!(ask(question).await.is_some());
}

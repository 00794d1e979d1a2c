//! `/portForward`. The protocols themselves are tested where they live.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::client::Protocol;
use crate::kubelet::{Kubelet, Setup};
use crate::web_socket::{Session, ask, everything, open, refused, told};

const CHANNELS: &str = "v4.channel.k8s.io";

/// Whatever has not happened by then will not happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says "hello", and gives what has come on the channel of data when that is back.
async fn echoed(session: &mut Session) -> Vec<u8> {
    let mut data = Vec::new();
    session.send(Message::Binary(b"\0hello".as_slice().into())).await.unwrap();
    while !data.ends_with(b"hello") {
        if let Message::Binary(packet) = session.next().await.unwrap().unwrap()
            && packet[0] == 0
        {
            data.extend_from_slice(&packet[1..]);
        }
    }
    data
}

#[tokio::test]
async fn a_port_of_the_pod_is_reached() {
    let kubelet = Kubelet::start().await;
    for path in ["/portForward/default/web?port=80", "/portForward/default/web/uid-1?port=80"] {
        let mut session = open(&kubelet, path, CHANNELS).await;
        assert_eq!(echoed(&mut session).await, b"\x50\0hello", "the port, and an echo");
    }
    assert_eq!(*kubelet.fakes.forwarded.lock(), ["default/web uid-1 80", "default/web uid-1 80"]);
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_is_told_in_the_kubelets_words() {
    let kubelet = Kubelet::start().await;
    let mut session = open(&kubelet, "/portForward/default/web?port=81", CHANNELS).await;
    let told = everything(&mut session, 1).await;
    assert_eq!(told, "Q\0error forwarding port 81 to pod default/web, uid uid-1: connection refused");
}

/// As an API server that speaks for its client.
#[tokio::test]
async fn spdy_is_taken_by_post_and_by_get() {
    let kubelet = Kubelet::start().await;
    for method in [Method::POST, Method::GET] {
        for versions in [&["portforward.k8s.io"][..], &[]] {
            let mut request = Request::builder()
                .method(method.clone())
                .uri("/portForward/default/web")
                .header("host", "127.0.0.1")
                .header("connection", "Upgrade")
                .header("upgrade", "SPDY/3.1");
            for version in versions {
                request = request.header("x-stream-protocol-version", *version);
            }
            let mut client = kubelet.admin(Protocol::Http1).await;
            let response = client.send(request.body(Empty::new()).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_forwarded_is_refused_with_a_reason() {
    let kubelet = Kubelet::start().await;
    for (path, protocol, status, reason) in [
        ("/portForward/default/web", CHANNELS, StatusCode::BAD_REQUEST, "\"port\" is required"),
        ("/portForward/default/web?port=0", CHANNELS, StatusCode::BAD_REQUEST, "must be > 0"),
        ("/portForward/default/web?port=65536", CHANNELS, StatusCode::BAD_REQUEST, "as a port"),
        ("/portForward/default/web?port=x", "SPDY/3.1+portforward.k8s.io", StatusCode::BAD_REQUEST, "as a port"),
        ("/portForward/default/none?port=80", CHANNELS, StatusCode::NOT_FOUND, "does not exist"),
        ("/portForward/default/web/other-uid?port=80", CHANNELS, StatusCode::NOT_FOUND, "does not exist"),
        ("/portForward/default/..%2Fweb?port=80", CHANNELS, StatusCode::BAD_REQUEST, "invalid pod name"),
        ("/portForward/default", CHANNELS, StatusCode::NOT_FOUND, "not found"),
        ("/portForward/default/web?port=80", "v5.channel.k8s.io", StatusCode::FORBIDDEN, "unable to negotiate"),
    ] {
        let (answered, text) = refused(&kubelet, path, protocol).await;
        assert!(answered == status && text.contains(reason), "{path}: {answered} {text}");
    }
    let (status, text) = kubelet.admin(Protocol::Http1).await.get("/portForward/default/web?port=80").await;
    assert_eq!((status, text.contains("unable to upgrade")), (StatusCode::BAD_REQUEST, true), "{text}");
    kubelet.fakes.pods.containers.lock().retain(|container| container.name == "starting");
    let (status, text) = refused(&kubelet, "/portForward/default/web?port=80", CHANNELS).await;
    assert_eq!((status, text.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "pod not found (\"web_default\")"));

    let mut bare = Setup::new();
    bare.without_interfaces = true;
    let (status, text) = refused(&bare.start().await, "/portForward/default/web?port=80", CHANNELS).await;
    assert_eq!((status, text.contains("cannot forward ports")), (StatusCode::NOT_IMPLEMENTED, true), "{text}");
}

#[tokio::test]
async fn whoever_may_only_get_may_not_connect() {
    let kubelet = Kubelet::start().await;
    let mut reader = kubelet.user("reader", Protocol::Http1).await;
    let (status, _) = told(ask(&mut reader, Method::GET, "/portForward/default/web?port=80", CHANNELS).await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(kubelet.fakes.authorizer.questions(), ["reader create nodes/proxy virtual-1"]);
    assert!(kubelet.fakes.forwarded.lock().is_empty());
}

/// A back end that does not answer holds the client no longer than it may.
#[tokio::test]
async fn a_back_end_that_hangs_is_given_up() {
    let kubelet = Setup::new().limits(|limits| limits.backend_timeout = Duration::from_millis(200)).start().await;
    let mut session = open(&kubelet, "/portForward/default/web?port=82", CHANNELS).await;
    assert!(everything(&mut session, 1).await.contains("did not answer in time"));
}

/// Sessions of all clients together: each connection is a file of the agent.
#[tokio::test]
async fn one_forwarded_connection_too_many_is_refused_and_its_place_comes_back() {
    let kubelet = Setup::new().limits(|limits| limits.forwarded_connections = 2).start().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut session = open(&kubelet, "/portForward/default/web?port=80", CHANNELS).await;
        echoed(&mut session).await;
        held.push(session);
    }
    let refused = "P\0error forwarding port 80 to pod default/web, uid uid-1: the node has reached its limit of 2 forwarded \
                   connections";
    let mut session = open(&kubelet, "/portForward/default/web?port=80", CHANNELS).await;
    assert_eq!(everything(&mut session, 1).await, refused);
    held.pop();
    // The place is free once the end of that client has been noticed.
    loop {
        let mut session = open(&kubelet, "/portForward/default/web?port=80", CHANNELS).await;
        session.close(None).await.unwrap();
        if everything(&mut session, 1).await == "P\0" {
            break;
        }
    }
}

/// A client has a while to open its streams, and a session a while in which nothing moves; the one is not the other.
#[tokio::test]
async fn each_timeout_of_a_session_is_the_one_that_was_set() {
    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(3600);
    let idle =
        Setup::new().limits(|limits| (limits.stream_idle_timeout, limits.stream_creation_timeout) = (SHORT, LONG));
    let kubelet = idle.start().await;
    let mut session = open(&kubelet, "/exec/default/web/app?command=cat&input=1&output=1", "v5.channel.k8s.io").await;
    timeout(PATIENCE, everything(&mut session, 1)).await.expect("an idle session goes on");

    let begins =
        Setup::new().limits(|limits| (limits.stream_idle_timeout, limits.stream_creation_timeout) = (LONG, SHORT));
    let kubelet = begins.start().await;
    let mut session = open(&kubelet, "/exec/default/web/app?command=cat&input=1&output=1", "v5.channel.k8s.io").await;
    let request = Request::post("/exec/default/web/app?command=cat&input=1&output=1")
        .header("host", "127.0.0.1")
        .header("connection", "Upgrade")
        .header("upgrade", "SPDY/3.1")
        .header("x-stream-protocol-version", "v5.channel.k8s.io");
    let mut client = kubelet.admin(Protocol::Http1).await;
    let response = client.send(request.body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut silent = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let ended = timeout(PATIENCE, silent.read_to_end(&mut Vec::new())).await;
    drop(ended.expect("a session without streams goes on"));
    session.send(Message::Binary(b"\0still here".as_slice().into())).await.unwrap();
    session.send(Message::Binary([255, 0].as_slice().into())).await.unwrap();
    assert_eq!(everything(&mut session, 1).await, "still here");
}

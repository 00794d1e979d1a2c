//! `/exec` and `/attach`, by WebSocket. The protocols themselves are tested where they live.

use futures::{SinkExt, StreamExt};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::client::{Client, Protocol};
use crate::kubelet::{Kubelet, Setup};

type Session = WebSocketStream<TokioIo<Upgraded>>;

async fn ask(client: &mut Client, method: Method, path: &str) -> Response<Incoming> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "v5.channel.k8s.io");
    client.send(request.body(Empty::new()).unwrap()).await.unwrap()
}

async fn open(kubelet: &Kubelet, path: &str) -> Session {
    let response = ask(&mut kubelet.admin(Protocol::Http1).await, Method::GET, path).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await
}

/// What comes on a channel until the server closes.
async fn everything(session: &mut Session, channel: u8) -> String {
    let mut bytes = Vec::new();
    while let Some(Ok(message)) = session.next().await {
        if let Message::Binary(packet) = message
            && packet[0] == channel
        {
            bytes.extend_from_slice(&packet[1..]);
        }
    }
    String::from_utf8(bytes).unwrap()
}

async fn refused(kubelet: &Kubelet, path: &str) -> (StatusCode, String) {
    let response = ask(&mut kubelet.admin(Protocol::Http1).await, Method::GET, path).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_command_reads_writes_and_ends() {
    let kubelet = Kubelet::start().await;
    let mut session = open(&kubelet, "/exec/default/web/app?command=cat&input=1&output=1").await;
    session.send(Message::Binary(b"\0hello".as_slice().into())).await.unwrap();
    session.send(Message::Binary([255, 0].as_slice().into())).await.unwrap();
    assert_eq!(everything(&mut session, 1).await, "hello");
    let mut session = open(&kubelet, "/exec/default/web/uid-1/app?command=exit&command=3&output=1").await;
    let status = everything(&mut session, 3).await;
    assert!(status.contains("NonZeroExitCode") && status.contains("\"3\""), "{status}");
    let mut session = open(&kubelet, "/exec/default/web/app?command=nothing&output=1").await;
    let status = everything(&mut session, 3).await;
    assert!(status.contains("no such program"), "{status}");
    let mut session = open(&kubelet, "/attach/default/web/app?output=1").await;
    assert_eq!(everything(&mut session, 1).await, "app");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_a_reason() {
    let kubelet = Kubelet::start().await;
    for (path, status, reason) in [
        ("/exec/default/web/app?command=cat", StatusCode::BAD_REQUEST, "at least 1 of stdin"),
        ("/exec/default/web/app?output=1", StatusCode::BAD_REQUEST, "specify a command"),
        (
            "/exec/default/web/none?command=cat&output=1",
            StatusCode::INTERNAL_SERVER_ERROR,
            "container not found (\"none\")",
        ),
        ("/exec/default/web/starting?command=cat&output=1", StatusCode::INTERNAL_SERVER_ERROR, "container not found"),
        ("/exec/default/web/other-uid/app?command=cat&output=1", StatusCode::NOT_FOUND, "does not exist"),
        ("/exec/default/none/app?command=cat&output=1", StatusCode::NOT_FOUND, "does not exist"),
        ("/exec/default/..%2Fweb/app?command=cat&output=1", StatusCode::BAD_REQUEST, "invalid pod name"),
        ("/portForward/default/web", StatusCode::NOT_FOUND, "not found"),
    ] {
        let (answered, text) = refused(&kubelet, path).await;
        assert!(answered == status && text.contains(reason), "{path}: {answered} {text}");
    }
    let (status, text) = kubelet.admin(Protocol::Http2).await.get("/exec/default/web/app?command=cat&output=1").await;
    assert_eq!((status, text.contains("unable to upgrade")), (StatusCode::BAD_REQUEST, true), "{text}");
    let mut bare = Setup::new();
    bare.without_interfaces = true;
    let (status, text) = refused(&bare.start().await, "/exec/default/web/app?command=cat&output=1").await;
    assert_eq!((status, text.contains("cannot run commands")), (StatusCode::NOT_IMPLEMENTED, true), "{text}");
}

/// A WebSocket comes as GET, and still takes the right to create.
#[tokio::test]
async fn whoever_may_only_get_may_not_run_anything() {
    let kubelet = Kubelet::start().await;
    for path in ["/exec/default/web/app?command=cat&output=1", "/attach/default/web/app?output=1"] {
        let response = ask(&mut kubelet.user("reader", Protocol::Http1).await, Method::GET, path).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert!(kubelet.fakes.authorizer.questions().iter().all(|question| question.contains("create")));
}

#[tokio::test]
async fn sessions_are_cut_when_the_agent_has_to_end() {
    let kubelet =
        Setup::new().limits(|limits| limits.drain_timeout = std::time::Duration::from_millis(200)).start().await;
    let mut session = open(&kubelet, "/exec/default/web/app?command=cat&input=1&output=1").await;
    session.next().await.unwrap().unwrap();
    kubelet.shutdown.cancel();
    assert_eq!(kubelet.running.await.unwrap().cut, 1);
    assert!(!matches!(session.next().await, Some(Ok(Message::Binary(_)))));
}

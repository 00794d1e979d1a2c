//! A client of upgraded connections.

use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::client::{Client, Protocol};
use crate::kubelet::Kubelet;

pub(crate) type Session = WebSocketStream<TokioIo<Upgraded>>;

/// Asks for a WebSocket of this protocol.
pub(crate) async fn ask(client: &mut Client, method: Method, path: &str, protocol: &str) -> Response<Incoming> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", protocol);
    client.send(request.body(Empty::new()).unwrap()).await.unwrap()
}

pub(crate) async fn open(kubelet: &Kubelet, path: &str, protocol: &str) -> Session {
    let response = ask(&mut kubelet.admin(Protocol::Http1).await, Method::GET, path, protocol).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await
}

/// What comes on a channel until the server closes.
pub(crate) async fn everything(session: &mut Session, channel: u8) -> String {
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

/// Status and text of a refusal.
pub(crate) async fn refused(kubelet: &Kubelet, path: &str, protocol: &str) -> (StatusCode, String) {
    told(ask(&mut kubelet.admin(Protocol::Http1).await, Method::GET, path, protocol).await).await
}

pub(crate) async fn told(response: Response<Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

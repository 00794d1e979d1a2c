//! `/exec` and `/attach`, by WebSocket. The protocols themselves are tested where they live.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use futures::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::client::Protocol;
use crate::kubelet::{Kubelet, Setup};
use crate::web_socket::{ask, everything, open, refused};

const V5: &str = "v5.channel.k8s.io";

#[tokio::test]
async fn a_command_reads_writes_and_ends() {
    let kubelet = Kubelet::start().await;
    let mut session = open(&kubelet, "/exec/default/web/app?command=cat&input=1&output=1", V5).await;
    session.send(Message::Binary(b"\0hello".as_slice().into())).await.unwrap();
    session.send(Message::Binary([255, 0].as_slice().into())).await.unwrap();
    assert_eq!(everything(&mut session, 1).await, "hello");
    let mut session = open(&kubelet, "/exec/default/web/uid-1/app?command=exit&command=3&output=1", V5).await;
    let status = everything(&mut session, 3).await;
    assert!(status.contains("NonZeroExitCode") && status.contains("\"3\""), "{status}");
    let mut session = open(&kubelet, "/exec/default/web/app?command=nothing&output=1", V5).await;
    let status = everything(&mut session, 3).await;
    assert!(status.contains("no such program"), "{status}");
    let mut session = open(&kubelet, "/attach/default/web/app?output=1", V5).await;
    assert_eq!(everything(&mut session, 1).await, "app");
}

/// Consoles in browsers (Rancher's, for one) speak the old protocols, in base64 too.
#[tokio::test]
async fn vk_1203_every_protocol_of_web_sockets_runs_commands() {
    let kubelet = Kubelet::start().await;
    for protocol in [V5, "v4.channel.k8s.io", "channel.k8s.io", "v4.base64.channel.k8s.io", "base64.channel.k8s.io"] {
        let mut session =
            open(&kubelet, "/exec/default/web/app?command=say&command=hello&output=1&error=1", protocol).await;
        let mut stdout = Vec::new();
        while let Some(Ok(message)) = session.next().await {
            match message {
                Message::Binary(packet) if packet[0] == 1 => stdout.extend_from_slice(&packet[1..]),
                Message::Text(packet) => {
                    let piece = packet.strip_prefix('1').map(|piece| BASE64_STANDARD.decode(piece).unwrap());
                    stdout.extend(piece.unwrap_or_default());
                }
                _ => {}
            }
        }
        assert_eq!(String::from_utf8_lossy(&stdout), "hello on stdout", "{protocol}");
    }
}

#[tokio::test]
async fn vk_1425_a_command_ends_with_its_client() {
    let kubelet = Kubelet::start().await;
    for _ in 0..3 {
        let mut session = open(&kubelet, "/exec/default/web/app?command=hang&output=1", V5).await;
        session.next().await.unwrap().unwrap();
        drop(session);
        timeout(Duration::from_secs(30), kubelet.fakes.hung_up.notified()).await.unwrap();
    }
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
    ] {
        let (answered, text) = refused(&kubelet, path, V5).await;
        assert!(answered == status && text.contains(reason), "{path}: {answered} {text}");
    }
    let (status, text) = kubelet.admin(Protocol::Http2).await.get("/exec/default/web/app?command=cat&output=1").await;
    assert_eq!((status, text.contains("unable to upgrade")), (StatusCode::BAD_REQUEST, true), "{text}");
    let mut bare = Setup::new();
    bare.without_interfaces = true;
    let (status, text) = refused(&bare.start().await, "/exec/default/web/app?command=cat&output=1", V5).await;
    assert_eq!((status, text.contains("cannot run commands")), (StatusCode::NOT_IMPLEMENTED, true), "{text}");
}

/// A WebSocket comes as GET, and still takes the right to create.
#[tokio::test]
async fn whoever_may_only_get_may_not_run_anything() {
    let kubelet = Kubelet::start().await;
    for path in ["/exec/default/web/app?command=cat&output=1", "/attach/default/web/app?output=1"] {
        let response = ask(&mut kubelet.user("reader", Protocol::Http1).await, Method::GET, path, V5).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert!(kubelet.fakes.authorizer.questions().iter().all(|question| question.contains("create")));
}

#[tokio::test]
async fn sessions_are_cut_when_the_agent_has_to_end() {
    let kubelet = Setup::new().limits(|limits| limits.drain_timeout = Duration::from_millis(200)).start().await;
    let mut session = open(&kubelet, "/exec/default/web/app?command=cat&input=1&output=1", V5).await;
    session.next().await.unwrap().unwrap();
    kubelet.shutdown.cancel();
    assert_eq!(kubelet.running.await.unwrap().cut, 1);
    assert!(!matches!(session.next().await, Some(Ok(Message::Binary(_)))));
}

/// The command is in the request line: a script of 20 KiB whose every other character takes three there.
#[tokio::test]
async fn a_command_may_be_as_long_as_a_script() {
    let kubelet = Kubelet::start().await;
    let path = format!("/exec/default/web/app?command=say&command={}&output=1&error=1", "a%20".repeat(10 * 1024));
    assert!(path.len() > 40 * 1024);
    let said = everything(&mut open(&kubelet, &path, V5).await, 1).await;
    assert!(said == format!("{} on stdout", "a ".repeat(10 * 1024)), "{} bytes", said.len());
}

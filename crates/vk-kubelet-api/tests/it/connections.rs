use std::time::Duration;

use futures::stream;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::client::{PROTOCOLS, Protocol, next};
use crate::kubelet::{Kubelet, LOG, Setup};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3600);

/// The other side closes, in whatever way.
async fn closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {}
}

#[tokio::test]
async fn half_open_connections_keep_nobody_out() {
    let kubelet = Setup::new().limits(|limits| {
        limits.unauthenticated_connections = 8;
        limits.handshake_timeout = LONG;
    });
    let kubelet = kubelet.start().await;
    let mut before = kubelet.admin(Protocol::Http2).await;
    let mut half_open = Vec::new();
    for round in 0..200 {
        let mut stream = TcpStream::connect(kubelet.address).await.unwrap();
        // The beginning of a TLS record that never comes.
        let _ = stream.write_all(&[0x16, 0x03, 0x01]).await;
        half_open.push(stream);
        if round % 50 == 49 {
            assert_eq!(kubelet.admin(Protocol::Http1).await.get("/healthz").await.0, StatusCode::OK);
        }
    }
    assert_eq!(before.get("/healthz").await.0, StatusCode::OK);
    // The first ones had to go for the others.
    for stream in &mut half_open[..100] {
        closed(stream).await;
    }
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let kubelet = Setup::new().limits(|limits| limits.handshake_timeout = SHORT).start().await;
    let mut silent = TcpStream::connect(kubelet.address).await.unwrap();
    let mut slow = TcpStream::connect(kubelet.address).await.unwrap();
    slow.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    closed(&mut silent).await;
    closed(&mut slow).await;
}

#[tokio::test]
async fn bytes_that_are_not_tls_end_the_connection() {
    let kubelet = Setup::new().limits(|limits| limits.handshake_timeout = LONG).start().await;
    let mut plain = TcpStream::connect(kubelet.address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn who_does_not_authenticate_does_not_stay() {
    let kubelet = Setup::new().limits(|limits| limits.unauthenticated_lifetime = SHORT).start().await;
    for protocol in PROTOCOLS {
        let mut idle = kubelet.connector(protocol).tls().await.unwrap();
        closed(&mut idle).await;
    }
    let mut refused = kubelet.connector(Protocol::Http1).tls().await.unwrap();
    refused.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = refused.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn the_head_of_a_request_has_its_time() {
    let kubelet = Setup::new().limits(|limits| limits.idle_timeout = SHORT).start().await;
    let mut slow = kubelet.connector(Protocol::Http1).identity(&kubelet.admin).tls().await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: no").await.unwrap();
    closed(&mut slow).await;
}

#[tokio::test]
async fn a_connection_that_carries_nothing_is_closed_and_one_that_does_is_not() {
    let kubelet = Setup::new().limits(|limits| {
        limits.idle_timeout = SHORT;
        limits.handshake_timeout = Duration::from_millis(500);
    });
    let kubelet = kubelet.start().await;
    for protocol in PROTOCOLS {
        let (send, line) = oneshot::channel::<()>();
        kubelet.fakes.logs.stream(stream::once(async {
            line.await.unwrap();
            Ok("still here\n".into())
        }));
        let mut busy = kubelet.admin(protocol).await;
        let mut body = busy.open(&format!("{LOG}?follow=true")).await;
        // By the time that these have been closed one after the other, the busy one would have been, too.
        for idle in [Protocol::Http1, Protocol::Http2, Protocol::Http2] {
            let mut idle = kubelet.connector(idle).identity(&kubelet.admin).tls().await.unwrap();
            closed(&mut idle).await;
        }
        send.send(()).unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "still here\n");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let kubelet = Setup::new().limits(|limits| limits.authenticated_header_bytes = 16 * 1024).start().await;
    for protocol in PROTOCOLS {
        for (name, size) in [("x-large", 20 * 1024), ("x-huge", 2 * 1024 * 1024)] {
            let mut client = kubelet.admin(protocol).await;
            let request = Request::get("https://node/healthz").header("host", "node").header(name, "x".repeat(size));
            // Refused with a status, or by closing while it is still being sent.
            if let Ok(response) = client.send(request.body(Empty::new()).unwrap()).await {
                assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{protocol:?} {size}");
            }
        }
        assert_eq!(kubelet.admin(protocol).await.get("/healthz").await.0, StatusCode::OK);
    }
    assert_eq!(kubelet.fakes.authorizer.questions().len(), 2);
}

/// Only those whose certificate is known when the head comes may say much.
#[tokio::test]
async fn the_head_of_a_stranger_is_short() {
    let kubelet = Kubelet::start().await;
    for (known, status) in [(true, StatusCode::OK), (false, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)] {
        let connector = kubelet.connector(Protocol::Http1);
        let connector = if known { connector.identity(&kubelet.admin) } else { connector };
        let mut client = connector.connect().await.unwrap();
        let request = Request::get("/healthz").header("host", "node").header("x-long", "x".repeat(100 * 1024));
        let response = client.send(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let kubelet = Setup::new().limits(|limits| limits.headers = 20).start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    let mut request = Request::get("/healthz").header("host", "node");
    for at in 0..30 {
        request = request.header(format!("x-{at}"), "1");
    }
    let response = client.send(request.body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(kubelet.fakes.authorizer.questions(), [""; 0]);
}

#[tokio::test]
async fn an_h2_header_bomb_is_refused() {
    let kubelet = Setup::new().limits(|limits| limits.authenticated_header_bytes = 16 * 1024).start().await;
    let mut client = kubelet.admin(Protocol::Http2).await;
    // After the first, each of these headers is one byte on the wire.
    let mut request = Request::get("https://node/healthz");
    for _ in 0..10_000 {
        request = request.header("x-bomb", "a value that the dynamic table holds");
    }
    if let Ok(response) = client.send(request.body(Empty::new()).unwrap()).await {
        assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    assert_eq!(kubelet.fakes.authorizer.questions(), [""; 0]);
    assert_eq!(kubelet.admin(Protocol::Http2).await.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn one_request_too_many_is_told_so() {
    let kubelet = Setup::new().limits(|limits| limits.requests = 1).start().await;
    for protocol in PROTOCOLS {
        let (content_end, content) = oneshot::channel::<()>();
        kubelet.fakes.logs.stream(stream::once(async {
            let _ = content.await;
            Ok("end\n".into())
        }));
        let mut first = kubelet.admin(protocol).await;
        let body = first.open(&format!("{LOG}?follow=true")).await;
        let mut second = kubelet.admin(protocol).await;
        let (status, message) = second.get("/healthz").await;
        assert_eq!((status, message.contains("limit of 1 requests")), (StatusCode::TOO_MANY_REQUESTS, true));
        drop(content_end);
        body.collect().await.unwrap();
        // The place is free once the first response has been written.
        while second.get("/healthz").await.0 != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_stay() {
    let kubelet = Setup::new().limits(|limits| limits.connections = 2).start().await;
    let mut first = kubelet.admin(Protocol::Http1).await;
    let mut second = kubelet.admin(Protocol::Http2).await;
    assert_eq!(first.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(second.get("/healthz").await.0, StatusCode::OK);
    let mut third = kubelet.connector(Protocol::Http1).identity(&kubelet.admin).tls().await.unwrap();
    closed(&mut third).await;
    assert_eq!(first.get("/healthz").await.0, StatusCode::OK);
    drop(first);
    // A place becomes free as soon as the server has noticed.
    loop {
        let Ok(mut next) = kubelet.connector(Protocol::Http1).identity(&kubelet.admin).connect().await else {
            continue;
        };
        if matches!(next.try_get("/healthz").await, Ok((StatusCode::OK, _))) {
            break;
        }
    }
}

#[tokio::test]
async fn a_body_that_nobody_wants_does_no_harm() {
    let kubelet = Kubelet::start().await;
    let mut stream = kubelet.connector(Protocol::Http1).identity(&kubelet.admin).tls().await.unwrap();
    stream.write_all(b"POST /pods HTTP/1.1\r\nHost: node\r\nContent-Length: 1000000000000\r\n\r\nx").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 405"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_request_in_the_body_of_another_is_not_a_request() {
    let kubelet = Kubelet::start().await;
    for head in [
        "Content-Length: 44\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: 0\r\nContent-Length: 44",
    ] {
        kubelet.fakes.authorizer.asked.lock().clear();
        let mut stream = kubelet.connector(Protocol::Http1).identity(&kubelet.admin).tls().await.unwrap();
        let smuggled = "0\r\n\r\nGET /exec/default/web/app HTTP/1.1\r\nHost: a\r\n\r\n";
        let request = format!("GET /healthz HTTP/1.1\r\nHost: node\r\n{head}\r\n\r\n{smuggled}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answers = String::from_utf8_lossy(&answer).matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{head}: {}", String::from_utf8_lossy(&answer));
        let questions = kubelet.fakes.authorizer.questions();
        assert!(questions.iter().all(|question| question == "admin get nodes/healthz virtual-1"), "{questions:?}");
    }
}

#[tokio::test]
async fn many_streams_share_one_connection() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http2).await;
    let mut bodies = Vec::new();
    for _ in 0..100 {
        kubelet.fakes.logs.stream(futures::StreamExt::chain(stream::iter([Ok("line\n".into())]), stream::pending()));
        bodies.push(client.open(&format!("{LOG}?follow=true")).await);
    }
    for body in &mut bodies {
        assert_eq!(next(body).await.unwrap().unwrap(), "line\n");
    }
}

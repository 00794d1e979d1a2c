use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use vk_kubelet_api::Drained;

use crate::client::{PROTOCOLS, Protocol, next};
use crate::kubelet::{Kubelet, LOG, Setup};

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn idle_and_half_open_connections_do_not_hold_a_shutdown_up() {
    let kubelet = Setup::new().limits(|limits| {
        limits.drain_timeout = LONG;
        limits.handshake_timeout = LONG;
        limits.unauthenticated_lifetime = LONG;
    });
    let kubelet = kubelet.start().await;
    let mut clients = Vec::new();
    for protocol in PROTOCOLS {
        let mut client = kubelet.admin(protocol).await;
        assert_eq!(client.get("/healthz").await.0, StatusCode::OK);
        clients.push(client);
    }
    let _half_open = TcpStream::connect(kubelet.address).await.unwrap();
    let _stranger = kubelet.connector(Protocol::Http2).tls().await.unwrap();
    kubelet.shutdown.cancel();
    assert_eq!(kubelet.running.await.unwrap(), Drained { cut: 0 });
    assert!(TcpStream::connect(kubelet.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_is_under_way_may_finish() {
    for protocol in PROTOCOLS {
        let kubelet = Setup::new().limits(|limits| limits.drain_timeout = LONG).start().await;
        let (end, ended) = oneshot::channel::<Bytes>();
        kubelet.fakes.logs.stream(stream::once(async { Ok(ended.await.unwrap()) }));
        let mut client = kubelet.admin(protocol).await;
        let mut body = client.open(&format!("{LOG}?follow=true")).await;
        kubelet.shutdown.cancel();
        while TcpStream::connect(kubelet.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        end.send("the end\n".into()).unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "the end\n");
        assert!(next(&mut body).await.is_none());
        assert_eq!(kubelet.running.await.unwrap(), Drained { cut: 0 });
    }
}

#[tokio::test]
async fn what_does_not_finish_is_cut_at_the_deadline() {
    for protocol in PROTOCOLS {
        let kubelet = Setup::new().limits(|limits| limits.drain_timeout = Duration::from_millis(50)).start().await;
        kubelet.fakes.logs.stream(stream::pending());
        let mut client = kubelet.admin(protocol).await;
        let mut body = client.open(&format!("{LOG}?follow=true")).await;
        kubelet.shutdown.cancel();
        assert_eq!(kubelet.running.await.unwrap(), Drained { cut: 1 });
        assert!(matches!(next(&mut body).await, Some(Err(_))), "the client notices");
    }
}

#[tokio::test]
async fn dropping_the_server_cuts_everything() {
    let kubelet = Kubelet::start().await;
    kubelet.fakes.logs.stream(stream::pending());
    let mut client = kubelet.admin(Protocol::Http1).await;
    let mut body = client.open(&format!("{LOG}?follow=true")).await;
    kubelet.running.abort();
    assert!(matches!(next(&mut body).await, Some(Err(_))));
}

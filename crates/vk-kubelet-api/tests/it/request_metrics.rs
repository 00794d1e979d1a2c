//! What is counted of requests.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;

use crate::client::{PROTOCOLS, next};
use crate::kubelet::{Kubelet, LOG};
use crate::web_socket::open;

/// The value of a series of these labels, once it is this one.
async fn until(kubelet: &Kubelet, family: &str, method: &str, path: &str, long_running: bool, value: u32) {
    let labels = format!(r#"method="{method}",path="{path}",server_type="readwrite",long_running="{long_running}""#);
    let line = format!("{family}{{{labels}}} {value}\n");
    let counted = async {
        while !kubelet.fakes.metrics.counted().contains(&line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), counted).await;
    assert!(in_time.is_ok(), "{line}: {}", kubelet.fakes.metrics.counted());
}

const REQUESTS: &str = "kubelet_http_requests_total";
const INFLIGHT: &str = "kubelet_http_inflight_requests";
const DURATIONS: &str = "kubelet_http_requests_duration_seconds_count";

#[tokio::test]
async fn requests_are_counted_whatever_they_are_answered() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        assert_eq!(kubelet.admin(protocol).await.get("/pods").await.0, StatusCode::OK);
        assert_eq!(kubelet.user("nobody", protocol).await.get("/pods").await.0, StatusCode::FORBIDDEN);
        let mut stranger = kubelet.connector(protocol).connect().await.unwrap();
        assert_eq!(stranger.get("/pods").await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(kubelet.admin(protocol).await.get("/made/up").await.0, StatusCode::NOT_FOUND);
    }
    for (path, count) in [("pods", 6), ("other", 2)] {
        until(&kubelet, REQUESTS, "GET", path, false, count).await;
        until(&kubelet, DURATIONS, "GET", path, false, count).await;
        until(&kubelet, INFLIGHT, "GET", path, false, 0).await;
    }
    assert!(!kubelet.fakes.metrics.counted().contains("made"));
}

#[tokio::test]
async fn a_session_is_under_way_until_it_ends() {
    let kubelet = Kubelet::start().await;
    let mut session = open(&kubelet, "/exec/default/web/app?command=cat&input=1&output=1", "v5.channel.k8s.io").await;
    session.next().await.unwrap().unwrap();
    until(&kubelet, INFLIGHT, "GET", "exec", true, 1).await;
    until(&kubelet, REQUESTS, "GET", "exec", true, 1).await;
    assert!(!kubelet.fakes.metrics.counted().contains(DURATIONS), "it lasts still");
    drop(session);
    until(&kubelet, INFLIGHT, "GET", "exec", true, 0).await;
    until(&kubelet, DURATIONS, "GET", "exec", true, 1).await;
}

#[tokio::test]
async fn a_log_that_is_followed_is_under_way_until_its_reader_goes() {
    let kubelet = Kubelet::start().await;
    for (index, protocol) in (1..).zip(PROTOCOLS) {
        let line = futures::stream::iter([Ok(Bytes::from_static(b"line\n"))]);
        kubelet.fakes.logs.stream(line.chain(futures::stream::pending()));
        let mut client = kubelet.admin(protocol).await;
        let mut log = client.open(&format!("{LOG}?follow=true")).await;
        assert_eq!(next(&mut log).await.unwrap().unwrap(), "line\n");
        until(&kubelet, INFLIGHT, "GET", "containerLogs", false, 1).await;
        drop((log, client));
        until(&kubelet, INFLIGHT, "GET", "containerLogs", false, 0).await;
        until(&kubelet, DURATIONS, "GET", "containerLogs", false, index).await;
    }
}

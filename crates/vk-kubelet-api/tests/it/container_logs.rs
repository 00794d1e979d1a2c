use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use futures::{FutureExt, Stream};
use http::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vk_core::{Error, ErrorKind, Result};
use vk_provider::LogStream;

use crate::client::{PROTOCOLS, Protocol, next};
use crate::kubelet::{Kubelet, LOG, Setup};

/// A log that goes on until the sender is dropped, and a token that is cancelled when the log is.
fn followed() -> (mpsc::Sender<Result<Bytes>>, impl Stream<Item = Result<Bytes>> + Send, CancellationToken) {
    let (sender, receiver) = mpsc::channel(1);
    let dropped = CancellationToken::new();
    let guard = dropped.clone().drop_guard();
    let content = stream::unfold((receiver, guard), |(mut receiver, guard)| async move {
        let bytes = receiver.recv().await?;
        Some((bytes, (receiver, guard)))
    });
    (sender, content, dropped)
}

#[tokio::test]
async fn options_reach_the_provider() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    kubelet.fakes.logs.stream(stream::empty());
    let query = "?follow=true&tailLines=7&sinceTime=2026-11-22T10:00:00Z&timestamps=true";
    assert_eq!(client.get(&format!("{LOG}{query}")).await.0, StatusCode::OK);
    kubelet.fakes.logs.stream(stream::empty());
    assert_eq!(client.get("/containerLogs/default/web/crashing?previous=1&stream=Stderr").await.0, StatusCode::OK);
    let asked = kubelet.fakes.logs.asked.lock();
    let [first, .., second] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((first.container.as_str(), first.target.uid.as_str()), ("app", "uid-1"));
    assert_eq!((first.follow, first.previous, first.timestamps, first.tail_lines), (true, false, true, Some(7)));
    assert_eq!(first.since, Some("2026-11-22T10:00:00Z".parse().unwrap()));
    assert_eq!((second.container.as_str(), second.previous, second.stream), ("crashing", true, LogStream::Stderr));
}

#[tokio::test]
async fn a_followed_log_comes_chunk_by_chunk_and_ends_with_the_container() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let (sender, content, _) = followed();
        kubelet.fakes.logs.stream(content);
        let mut client = kubelet.admin(protocol).await;
        // The response begins although nothing has been written yet.
        let mut body = client.open(&format!("{LOG}?follow=true")).await;
        for line in ["one\n", "two\n", "half a li"] {
            sender.send(Ok(line.into())).await.unwrap();
            assert_eq!(next(&mut body).await.unwrap().unwrap(), line);
        }
        drop(sender);
        assert!(next(&mut body).await.is_none());
    }
}

#[tokio::test]
async fn a_client_that_goes_ends_the_providers_stream_at_once() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let (sender, content, dropped) = followed();
        kubelet.fakes.logs.stream(content);
        let mut client = kubelet.admin(protocol).await;
        let mut body = client.open(&format!("{LOG}?follow=true")).await;
        sender.send(Ok("line\n".into())).await.unwrap();
        next(&mut body).await.unwrap().unwrap();
        drop((client, body));
        dropped.cancelled().await;
    }
}

#[tokio::test]
async fn one_h2_stream_that_is_reset_ends_alone() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http2).await;
    let (_first, content, first_dropped) = followed();
    kubelet.fakes.logs.stream(content);
    let first_body = client.open(&format!("{LOG}?follow=true")).await;
    let (second, content, second_dropped) = followed();
    kubelet.fakes.logs.stream(content);
    let mut second_body = client.open(&format!("{LOG}?follow=true")).await;
    drop(first_body);
    first_dropped.cancelled().await;
    second.send(Ok("still here\n".into())).await.unwrap();
    assert_eq!(next(&mut second_body).await.unwrap().unwrap(), "still here\n");
    assert!(!second_dropped.is_cancelled());
}

#[tokio::test]
async fn a_client_that_goes_while_the_log_is_being_opened_ends_that_too() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let (opening, mut opened) = mpsc::unbounded_channel();
        let dropped = CancellationToken::new();
        let outer = dropped.clone();
        kubelet.fakes.logs.answer_with(move |_| {
            let guard = outer.clone().drop_guard();
            opening.send(()).unwrap();
            async move {
                let _guard = guard;
                std::future::pending().await
            }
            .boxed()
        });
        let mut client = kubelet.admin(protocol).await;
        let request = tokio::spawn(async move { client.try_get(LOG).await });
        opened.recv().await.unwrap();
        request.abort();
        dropped.cancelled().await;
    }
}

#[tokio::test]
async fn limit_bytes_cuts_streams_and_snapshots() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    kubelet.fakes.logs.stream(stream::iter(["one\n", "two\n"].map(|line| Ok(line.into()))).chain(stream::pending()));
    assert_eq!(client.get(&format!("{LOG}?limitBytes=6&follow=true")).await, (StatusCode::OK, "one\ntw".into()));
    kubelet.fakes.logs.snapshot("2026-11-22T10:00:00Z one\n2026-11-22T10:00:01Z two\n");
    assert_eq!(client.get(&format!("{LOG}?limitBytes=6")).await, (StatusCode::OK, "one\ntw".into()));
    let timed = client.get(&format!("{LOG}?limitBytes=35&timestamps=true&tailLines=1")).await.1;
    assert_eq!(timed, "2026-11-22T10:00:01.000000000Z two\n");
}

#[tokio::test]
async fn a_snapshot_is_cut_to_what_was_asked_for() {
    let kubelet = Kubelet::start().await;
    kubelet.fakes.logs.snapshot("2026-11-22T10:00:00Z one\n2026-11-22T10:00:01Z two\n2026-11-22T10:00:02Z three\n");
    let mut client = kubelet.admin(Protocol::Http2).await;
    for (query, expected) in [
        ("", "one\ntwo\nthree\n"),
        ("?tailLines=2", "two\nthree\n"),
        ("?sinceTime=2026-11-22T10:00:01Z", "two\nthree\n"),
        ("?sinceSeconds=1", ""),
        ("?tailLines=1&timestamps=true", "2026-11-22T10:00:02.000000000Z three\n"),
    ] {
        // The clock of the node is well after these lines.
        *kubelet.fakes.clock_offset.lock() = jiff::Span::new().hours(24 * 365 * 10);
        assert_eq!(client.get(&format!("{LOG}{query}")).await, (StatusCode::OK, expected.to_owned()), "{query}");
    }
    assert_eq!(client.get(&format!("{LOG}?stream=Stdout")).await.0, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn a_back_end_that_only_has_snapshots_is_followed_by_reading_again() {
    let kubelet = Setup::new().limits(|limits| limits.log_poll_interval = Duration::from_millis(5)).start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    kubelet.fakes.logs.snapshot("2026-11-22T10:00:00Z one\n");
    let mut body = client.open(&format!("{LOG}?follow=true")).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one\n");
    kubelet.fakes.logs.snapshot("2026-11-22T10:00:00Z one\n2026-11-22T10:00:01Z two\n");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "two\n");
    kubelet.fakes.logs.snapshot("2026-11-22T10:00:00Z one\n2026-11-22T10:00:01Z two\n2026-11-22T10:00:02Z three\n");
    kubelet.fakes.pods.containers.lock().clear();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "three\n");
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn what_has_no_log_is_said_in_the_kubelets_words() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    for (path, status, message) in [
        ("/containerLogs/default/db/app", 404, r#"pod "db" does not exist"#),
        ("/containerLogs/other/web/app", 404, r#"pod "web" does not exist"#),
        ("/containerLogs/default/web/sidecar", 404, r#"container "sidecar" not found in pod "web""#),
        (
            "/containerLogs/default/web/starting",
            400,
            r#"container "starting" in pod "web" is waiting to start: CrashLoopBackOff"#,
        ),
        ("/containerLogs/default/web/setup", 400, r#"container "setup" in pod "web" is not available"#),
        (
            "/containerLogs/default/web/app?previous=true",
            400,
            r#"previous terminated container "app" in pod "web" not found"#,
        ),
        ("/containerLogs/default/web/app?tailLines=x", 400, "tailLines"),
        ("/containerLogs/default/web/app?limitBytes=0", 422, "limitBytes"),
    ] {
        let (actual, body) = client.get(path).await;
        assert_eq!(actual.as_u16(), status, "{path}: {body}");
        assert!(body.contains(message), "{path}: {body}");
    }
    assert!(kubelet.fakes.logs.asked.lock().is_empty());
    let response = client.request(Method::POST, LOG).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn names_that_could_leave_their_place_reach_nobody() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    for path in [
        "/containerLogs/../../etc/passwd",
        "/containerLogs/default/../app",
        "/containerLogs/default/web/..",
        "/containerLogs/default/web/%2e%2e",
        "/containerLogs/default/..%2f..%2fetc/passwd",
        "/containerLogs/default/web%00/app",
        "/containerLogs/default/WEB/app",
        "/containerLogs//web/app",
        "/containerLogs/default/web/app%0d%0ax",
        "/containerLogs/default/web/app/../../..",
        "/containerLogs/default/%ff/app",
    ] {
        let (status, body) = client.get(path).await;
        assert!([StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND].contains(&status), "{path}: {status} {body}");
        assert!(body.is_ascii() && !body.contains('\0') && !body.contains('\r'), "{body:?}");
    }
    assert!(kubelet.fakes.logs.asked.lock().is_empty());
}

#[tokio::test]
async fn a_providers_refusal_is_readable() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    for (error, status) in [
        (Error::unresolved("container", "no such run"), 400),
        (Error::unsupported("previous", "not kept"), 501),
        (Error::unavailable("engine down"), 502),
        (Error::new(ErrorKind::Unauthenticated, "bad key"), 502),
        (Error::internal("bug"), 500),
    ] {
        let expected = error.to_string();
        kubelet.fakes.logs.answer_with(move |_| std::future::ready(Err(error.clone())).boxed());
        let (actual, body) = client.get(LOG).await;
        assert_eq!((actual.as_u16(), body), (status, expected));
    }
}

#[tokio::test]
async fn a_provider_that_hangs_or_panics_costs_one_answer() {
    let kubelet = Setup::new().limits(|limits| limits.backend_timeout = Duration::from_millis(50)).start().await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.admin(protocol).await;
        kubelet.fakes.logs.answer_with(|_| std::future::pending().boxed());
        assert_eq!(client.get(LOG).await.0, StatusCode::BAD_GATEWAY);
        kubelet.fakes.logs.answer_with(|_| async { panic!("a defect of the provider") }.boxed());
        assert_eq!(client.get(LOG).await.0, StatusCode::INTERNAL_SERVER_ERROR);
        kubelet.fakes.logs.snapshot("2026-11-22T10:00:00Z one\n");
        assert_eq!(client.get(LOG).await, (StatusCode::OK, "one\n".to_owned()));
    }
}

#[tokio::test]
async fn a_log_that_breaks_off_says_so_and_is_cut() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.admin(protocol).await;
        kubelet.fakes.logs.stream(stream::iter([Ok("one\n".into()), Err(Error::unavailable("engine down"))]));
        let mut body = client.open(LOG).await;
        let mut text = Vec::new();
        let end = loop {
            match next(&mut body).await {
                Some(Ok(bytes)) => text.extend_from_slice(&bytes),
                end => break end,
            }
        };
        assert!(matches!(end, Some(Err(_))), "{end:?}");
        let expected = "one\nvirtual-kubelet: reading the log failed: back end unavailable: engine down\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_provider_without_interfaces_says_so() {
    let mut setup = Setup::new();
    setup.without_interfaces = true;
    let kubelet = setup.start().await;
    let (status, body) = kubelet.admin(Protocol::Http1).await.get(LOG).await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert!(body.contains("no container logs"), "{body}");
}

#[tokio::test]
async fn a_large_log_arrives_whole_however_slowly_it_is_read() {
    const CHUNK: usize = 64 * 1024;
    let whole: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|at| (at / 251) as u8).collect();
    let whole = Bytes::from(whole);
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let content = whole.clone();
        let chunks = (0..content.len()).step_by(CHUNK).map(move |at| Ok(content.slice(at..at + CHUNK)));
        kubelet.fakes.logs.stream(stream::iter(chunks));
        let mut client = kubelet.admin(protocol).await;
        let mut body = client.open(LOG).await;
        let mut received = 0;
        while let Some(bytes) = next(&mut body).await {
            let bytes = bytes.unwrap();
            assert!(whole[received..].starts_with(&bytes));
            received += bytes.len();
            tokio::task::yield_now().await;
        }
        assert_eq!(received, whole.len());
    }
}

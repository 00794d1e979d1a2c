//! Faults on demand.

use std::time::Duration;

use futures::StreamExt as _;
use kube::Error;
use kube::api::{ListParams, WatchEvent, WatchParams};
use vk_apiserver::{EventFault, FaultPlan, Link, LinkState, Options, Outcome, RequestClass, RequestFault, Verb};

use crate::support::*;

/// One outcome for one action.
fn only(action: &'static str, outcome: Outcome) -> impl FaultPlan {
    move |request: &RequestClass| {
        if request.action() == action { RequestFault::outcome(outcome) } else { RequestFault::default() }
    }
}

#[test]
fn a_request_is_refused_lost_before_or_lost_after_it_was_applied() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let create = |name: &'static str| {
            let client = client.clone();
            async move { pods(&client).create(&Default::default(), &pod(name, "n")).await }
        };
        server.set_faults(only("create pods", Outcome::Refuse { code: 503, retry_after: Some(1) }));
        assert_eq!(refusal(create("refused").await), pair(503, "ServiceUnavailable"));
        server.set_faults(only("create pods", Outcome::ResetBefore));
        assert!(matches!(create("before").await, Err(Error::Service(_))));
        server.set_faults(only("create pods", Outcome::ResetAfter));
        assert!(matches!(create("after").await, Err(Error::Service(_))));
        server.set_faults(only("create pods", Outcome::Truncate));
        assert!(create("truncated").await.is_err());
        server.set_faults(only("create pods", Outcome::HangAfter));
        assert!(tokio::time::timeout(Duration::from_secs(60), create("hung")).await.is_err());
        server.set_faults(only("create pods", Outcome::HangBefore));
        assert!(tokio::time::timeout(Duration::from_secs(60), create("never")).await.is_err());
        let names: Vec<String> =
            server.inspect(|kernel| kernel.objects("pods").map(|pod| pod.name().to_owned()).collect());
        assert_eq!(names, ["after", "hung", "truncated"]);
    });
}

#[test]
fn any_code_can_be_answered_with_its_reason_and_when_to_come_again() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        for (code, reason, retry_after) in [
            (404, "NotFound", None),
            (409, "Conflict", None),
            (410, "Expired", None),
            (429, "TooManyRequests", Some(7)),
            (500, "InternalError", None),
            (502, "", None),
            (503, "ServiceUnavailable", None),
            (504, "Timeout", Some(1)),
        ] {
            server.set_faults(only("get pods", Outcome::Refuse { code, retry_after }));
            assert_eq!(refusal(pods(&client).get("p").await), pair(code, reason));
            let request = http::Request::get("/api/v1/namespaces/default/pods/p").body(kube::client::Body::empty());
            let response = client.send(request.unwrap()).await.unwrap();
            let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header, retry_after.map(|seconds: u32| seconds.to_string()), "{code}");
            pods(&client).list(&ListParams::default()).await.unwrap();
        }
    });
}

#[test]
fn latency_passes_before_and_after() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        server.set_faults(|_: &RequestClass| RequestFault {
            delay_before: Duration::from_secs(2),
            delay_after: Duration::from_secs(3),
            ..RequestFault::default()
        });
        let begin = tokio::time::Instant::now();
        pods(&client).list(&ListParams::default()).await.unwrap();
        assert!(begin.elapsed() >= Duration::from_secs(5));
    });
}

#[test]
fn a_list_can_be_stale() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "a", "n").await;
        server.set_faults(|request: &RequestClass| RequestFault {
            stale_by: u64::from(request.verb == Verb::List),
            ..RequestFault::default()
        });
        assert_eq!(pods(&client).list(&ListParams::default()).await.unwrap().items.len(), 0);
        assert!(pods(&client).get_opt("a").await.unwrap().is_some());
    });
}

struct OnEvent(u64, EventFault);

impl FaultPlan for OnEvent {
    fn on_event(&mut self, _: &RequestClass, index: u64) -> EventFault {
        if index == self.0 { self.1 } else { EventFault::None }
    }
}

#[test]
fn a_watch_is_closed_reset_truncated_or_falls_silent() {
    for (fault, ended, failed) in [
        (EventFault::Close, true, false),
        (EventFault::Reset, false, true),
        (EventFault::Truncate, false, true),
        (EventFault::Silence, false, false),
    ] {
        run(|| async {
            let server = server();
            let client = admin(&server);
            create_pod(&client, "a", "n").await;
            create_pod(&client, "b", "n").await;
            server.set_faults(OnEvent(1, fault));
            let mut events = pods(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
            assert!(matches!(events.next().await, Some(Ok(WatchEvent::Added(_)))));
            match tokio::time::timeout(Duration::from_secs(3600), events.next()).await {
                Err(_) => assert!(!ended && !failed, "{fault:?} fell silent"),
                Ok(None) => assert!(ended, "{fault:?} ended"),
                Ok(Some(Err(_))) => assert!(failed, "{fault:?} failed"),
                Ok(Some(Ok(event))) => panic!("{fault:?} delivered {event:?}"),
            }
        });
    }
}

#[test]
fn a_partition_is_silent_and_heals() {
    run(|| async {
        let server = server();
        let link = Link::new();
        let client = over(&server, &link);
        let mut events = pods(&client).watch(&WatchParams::default().disable_bookmarks(), "0").await.unwrap().boxed();
        link.set(LinkState::Silent);
        create_pod(&admin(&server), "a", "n").await;
        let minute = Duration::from_secs(60);
        assert!(tokio::time::timeout(minute, events.next()).await.is_err());
        assert!(tokio::time::timeout(minute, pods(&client).get("a")).await.is_err());
        link.set(LinkState::Up);
        assert!(matches!(events.next().await, Some(Ok(WatchEvent::Added(_)))));
        link.set(LinkState::Refused);
        assert!(matches!(events.next().await, Some(Err(_))));
        assert!(matches!(pods(&client).get("a").await, Err(Error::Service(_))));
    });
}

#[test]
fn a_watch_whose_reader_is_too_slow_is_ended() {
    run(|| async {
        let mut options = Options::default();
        options.slow_watch_limit = Some(2);
        let server = server_with(options);
        let client = admin(&server);
        let start = server.inspect(|kernel| kernel.revision().to_string());
        let params = WatchParams::default();
        let mut events = pods(&client).watch(&params, &start).await.unwrap().boxed();
        for name in ["a", "b"] {
            create_pod(&client, name, "n").await;
        }
        for _ in 0..2 {
            assert!(matches!(events.next().await, Some(Ok(WatchEvent::Added(_)))));
        }
        for name in ["c", "d", "e"] {
            create_pod(&client, name, "n").await;
        }
        assert!(events.next().await.is_none(), "three behind");
        pods(&client).watch(&params, &start).await.map(drop).unwrap();
    });
}

#[test]
fn the_servers_clock_can_be_wrong() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let created = |name: &'static str| {
            let client = client.clone();
            async move { create_pod(&client, name, "n").await.metadata.creation_timestamp.unwrap().0 }
        };
        let right = created("a").await;
        server.set_clock_skew(jiff::SignedDuration::from_hours(-2));
        let wrong = created("b").await;
        assert_eq!(right.duration_since(wrong).as_hours(), 2);
        let params = WatchParams { timeout: Some(5), ..WatchParams::default() };
        let begin = tokio::time::Instant::now();
        pods(&client).watch(&params, "0").await.unwrap().collect::<Vec<_>>().await;
        assert!(begin.elapsed() >= Duration::from_secs(5), "timeouts do not follow the wall clock");
    });
}

#[test]
fn a_stopped_server_refuses_and_comes_back_with_its_objects() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let old = create_pod(&client, "a", "n").await.metadata.resource_version.unwrap();
        create_pod(&client, "b", "n").await;
        let mut events = pods(&client).watch(&WatchParams::default(), &old).await.unwrap().boxed();
        assert!(matches!(events.next().await, Some(Ok(WatchEvent::Added(_)))));
        server.stop();
        assert!(matches!(events.next().await, Some(Err(_))));
        assert!(matches!(pods(&client).get("a").await, Err(Error::Service(_))));
        server.start();
        pods(&client).get("a").await.unwrap();
        let mut resumed = pods(&client).watch(&WatchParams::default(), &old).await.unwrap().boxed();
        let told = resumed.next().await.unwrap().unwrap();
        assert!(matches!(told, WatchEvent::Error(status) if status.code == 410), "the watch cache is empty");
    });
}

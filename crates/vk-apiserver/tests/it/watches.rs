//! Watches: events, bookmarks, resumption, compaction.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, InitialListStrategy};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use vk_apiserver::Options;

use crate::support::*;

fn told(event: &WatchEvent<Pod>) -> String {
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
    match event {
        WatchEvent::Added(pod) => format!("added {}", name(pod)),
        WatchEvent::Modified(pod) => format!("modified {}", name(pod)),
        WatchEvent::Deleted(pod) => format!("deleted {}", name(pod)),
        WatchEvent::Bookmark(_) => "bookmark".into(),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

#[test]
fn a_watch_starts_with_what_is_there_and_goes_on() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "a", "n").await;
        let mut events = pods(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
        create_pod(&client, "b", "n").await;
        patch_status(&client, "a", json!({"status": {"phase": "Running"}})).await.unwrap();
        pods(&client).delete("b", &grace(0)).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(told(&events.next().await.unwrap().unwrap()));
        }
        assert_eq!(seen, ["added a", "bookmark", "added b", "modified a", "modified b", "deleted b"]);
    });
}

#[test]
fn a_selection_is_entered_and_left() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let params = WatchParams::default().fields("status.phase=Running");
        let mut events = pods(&client).watch(&params, "0").await.unwrap().boxed();
        create_pod(&client, "a", "n").await;
        for phase in ["Running", "Running", "Failed"] {
            let patch = json!({"status": {"phase": phase, "reason": phase}});
            patch_status(&client, "a", patch).await.unwrap();
        }
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(told(&events.next().await.unwrap().unwrap()));
        }
        assert_eq!(seen, ["bookmark", "added a", "deleted a"]);
    });
}

#[test]
fn a_watch_that_names_a_timeout_ends_after_a_bookmark() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let params = WatchParams { timeout: Some(5), ..WatchParams::default() };
        let events: Vec<WatchEvent<Pod>> =
            pods(&client).watch(&params, "0").await.unwrap().try_collect().await.unwrap();
        assert_eq!(events.iter().map(told).collect::<Vec<_>>(), ["bookmark"]);
    });
}

#[test]
fn bookmarks_come_in_their_interval_and_carry_the_latest_version() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let start = server.inspect(|kernel| kernel.revision().to_string());
        let mut events =
            pods(&client).watch(&WatchParams::default().fields("spec.nodeName=n"), &start).await.unwrap().boxed();
        create_pod(&client, "other", "m").await;
        let begin = tokio::time::Instant::now();
        let Some(Ok(WatchEvent::Bookmark(bookmark))) = events.next().await else { panic!("no bookmark") };
        assert_eq!(bookmark.metadata.resource_version, server.inspect(|kernel| kernel.revision().to_string()));
        assert!(begin.elapsed() >= Duration::from_secs(59));
    });
}

#[test]
fn a_version_that_was_compacted_is_410_in_the_stream_and_no_refusal() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let old = create_pod(&client, "a", "n").await.metadata.resource_version.unwrap();
        create_pod(&client, "b", "n").await;
        server.change(|kernel, _| kernel.compact());
        let mut events = pods(&client).watch(&WatchParams::default(), &old).await.unwrap().boxed();
        assert_eq!(told(&events.next().await.unwrap().unwrap()), "error 410");
        assert!(events.next().await.is_none());
    });
}

#[test]
fn a_reader_that_is_too_slow_is_told_so() {
    run(|| async {
        let mut options = Options::default();
        options.history_limit = 2;
        let server = server_with(options);
        let client = admin(&server);
        let start = server.inspect(|kernel| kernel.revision().to_string());
        let mut events = pods(&client).watch(&WatchParams::default(), &start).await.unwrap().boxed();
        for name in ["a", "b", "c", "d"] {
            create_pod(&client, name, "n").await;
        }
        assert_eq!(told(&events.next().await.unwrap().unwrap()), "error 410");
    });
}

#[test]
fn the_type_stands_before_the_object_so_that_raw_values_decode() {
    #[derive(serde::Deserialize)]
    #[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
    enum Raw {
        Added(Box<RawValue>),
    }
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "a", "n").await;
        let request = http::Request::get("/api/v1/pods?watch=true&timeoutSeconds=1").body(Vec::new()).unwrap();
        let text = client.request_text(request).await.unwrap();
        assert!(text.starts_with(r#"{"type":"ADDED","object":{"#), "{text}");
        let Raw::Added(raw) = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let pod: Value = serde_json::from_str(raw.get()).unwrap();
        assert_eq!(pod["kind"], "Pod");
    });
}

fn follow(event: Event<Pod>) -> String {
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
    match event {
        Event::Init => "init".into(),
        Event::InitApply(pod) => format!("init {}", name(&pod)),
        Event::InitDone => "done".into(),
        Event::Apply(pod) => format!("apply {}", name(&pod)),
        Event::Delete(pod) => format!("delete {}", name(&pod)),
    }
}

#[test]
fn the_watcher_of_kube_runtime_lists_in_pages_and_survives_a_restart() {
    for strategy in [InitialListStrategy::ListWatch, InitialListStrategy::StreamingList] {
        run(|| async {
            let server = server();
            let client = admin(&server);
            for name in ["a", "b", "c"] {
                create_pod(&client, name, "n").await;
            }
            let config = watcher::Config {
                initial_list_strategy: strategy.clone(),
                page_size: Some(2),
                ..watcher::Config::default()
            };
            let mut events = watcher::watcher(pods(&client), config).boxed();
            let mut seen = Vec::new();
            for _ in 0..5 {
                seen.push(follow(events.next().await.unwrap().unwrap()));
            }
            assert_eq!(seen, ["init", "init a", "init b", "init c", "done"]);
            server.restart();
            create_pod(&client, "e", "n").await;
            // The stream broke and its version is compacted: the watcher lists again, or reports and then does.
            let mut again = Vec::new();
            while !again.iter().any(|told: &String| told.ends_with(" e")) {
                again.extend(events.next().await.unwrap().ok().map(follow));
            }
            assert!(again.contains(&"init".to_owned()) || again == ["apply e"], "{again:?}");
        });
    }
}

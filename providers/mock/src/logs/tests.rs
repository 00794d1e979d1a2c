use std::time::Duration;

use futures::StreamExt;
use tokio::time::{sleep, timeout};
use vk_core::ErrorKind;
use vk_provider::provider::{Provider, Terminate};
use vk_provider::{LogReply, LogRequest, LogStream};

use super::*;
use crate::MockProvider;
use crate::fixtures::{create, later, pod, start, target};

async fn provider_with(restart_policy: &str, script: &[(&str, &str)]) -> MockProvider {
    let (provider, backend) = MockProvider::in_memory("vk", start());
    tokio::spawn(backend.run());
    provider.create(create(&pod("a", restart_policy, script))).await.unwrap();
    provider
}

fn request() -> LogRequest {
    LogRequest::new(target("a"), "main")
}

async fn read(provider: &MockProvider, request: LogRequest) -> Result<String> {
    let logs = provider.describe().interfaces.logs.clone().unwrap();
    let LogReply::Stream(pieces) = logs.open(request).await? else { panic!("a stream is expected") };
    let pieces: Vec<_> = pieces.map(Result::unwrap).collect().await;
    Ok(String::from_utf8(pieces.concat()).unwrap())
}

const TICKS: &[(&str, &str)] = &[("log", "tick {n}"), ("log-interval", "1s")];

#[tokio::test(start_paused = true)]
async fn a_log_is_written_as_time_passes() {
    let provider = provider_with("Always", TICKS).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(read(&provider, request()).await.unwrap(), "tick 1\ntick 2\ntick 3\n");
}

#[tokio::test(start_paused = true)]
async fn an_unscripted_container_says_one_line() {
    let provider = provider_with("Always", &[]).await;
    let text = read(&provider, request()).await.unwrap();
    assert_eq!(text, "mock container main of pod default/pod-a runs (run 1)\n");
}

#[tokio::test(start_paused = true)]
async fn tail_since_and_timestamps_are_honoured() {
    let provider = provider_with("Always", TICKS).await;
    sleep(Duration::from_millis(9500)).await;
    let mut tail = request();
    tail.tail_lines = Some(2);
    tail.timestamps = true;
    let expected = "2026-01-01T00:00:08.000000000Z tick 9\n2026-01-01T00:00:09.000000000Z tick 10\n";
    assert_eq!(read(&provider, tail).await.unwrap(), expected);
    let mut since = request();
    since.since = Some(later(8));
    assert_eq!(read(&provider, since).await.unwrap(), "tick 9\ntick 10\n");
    let mut nothing = request();
    nothing.tail_lines = Some(0);
    assert_eq!(read(&provider, nothing).await.unwrap(), "");
    let mut stderr = request();
    stderr.stream = LogStream::Stderr;
    assert_eq!(read(&provider, stderr).await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn a_followed_log_ends_with_its_container() {
    let provider = provider_with("Never", &[TICKS, &[("run-for", "2500ms")]].concat()).await;
    let mut follow = request();
    follow.follow = true;
    assert_eq!(read(&provider, follow).await.unwrap(), "tick 1\ntick 2\ntick 3\n");
}

#[tokio::test(start_paused = true)]
async fn a_followed_log_without_interval_ends_when_the_pod_is_stopped() {
    let provider = provider_with("Always", &[("log", "one\ntwo")]).await;
    let mut follow = request();
    follow.follow = true;
    let reading = tokio::spawn({
        let provider = provider.clone();
        async move { read(&provider, follow).await.unwrap() }
    });
    sleep(Duration::from_secs(60)).await;
    assert!(!reading.is_finished());
    provider.terminate(Terminate::new(target("a"), Duration::from_secs(1))).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(5), reading).await.unwrap().unwrap(), "one\ntwo\n");
}

#[tokio::test(start_paused = true)]
async fn the_previous_run_has_its_own_log() {
    let provider = provider_with("Always", &[("crash-loop", "1"), ("crash-after", "2s")]).await;
    let mut previous = request();
    previous.previous = true;
    let error = read(&provider, previous.clone()).await.unwrap_err();
    assert!(error.message.contains("not found"), "{error}");
    sleep(Duration::from_secs(3)).await;
    assert!(read(&provider, previous).await.unwrap().ends_with("(run 1)\n"));
    assert!(read(&provider, request()).await.unwrap().ends_with("(run 2)\n"));
}

#[tokio::test(start_paused = true)]
async fn while_a_container_waits_for_its_restart_both_logs_are_those_of_the_run_that_ended() {
    let provider = provider_with("Always", &[("crash-loop", "forever")]).await;
    sleep(Duration::from_secs(3)).await;
    let mut previous = request();
    previous.previous = true;
    for wanted in [request(), previous] {
        assert!(read(&provider, wanted).await.unwrap().ends_with("(run 2)\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_log_says_so() {
    let provider = provider_with("Always", &[("start-delay", "1h")]).await;
    let cases = [
        (request(), "not started"),
        (LogRequest::new(target("a"), "other"), "no such container"),
        (LogRequest::new(target("b"), "main"), "does not hold"),
    ];
    for (request, part) in cases {
        let error = read(&provider, request).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unresolved { .. }), "{error}");
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn a_log_of_many_lines_is_reckoned_not_stored() {
    let run = LogRun {
        number: 0,
        started_at: start(),
        finished_at: None,
        text: vec!["a".to_owned(), "b {n}".to_owned()],
        interval: Some(Duration::from_millis(1)),
    };
    assert_eq!(run.count(later(3600)), 3_600_001);
    assert_eq!(run.line(3_600_000, false), "a\n");
    assert_eq!(run.line(3_599_999, false), "b 3600000\n");
    assert_eq!(run.first_since(later(1)), 1000);
}

//! What pods use, and metrics. The shapes are golden files: `UPDATE_EXPECT=1` writes them anew.

use std::sync::atomic::{AtomicU32, Ordering};

use expect_test::expect_file;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use serde_json::Value;
use vk_core::{Error, PodKey, PodUid, RawPod, Result};
use vk_kubelet_api::{MetricsSource, RequestMetrics, RunningPod};
use vk_provider::{
    ContainerStats, CpuStats, FilesystemStats, InterfaceStats, MemoryStats, NetworkStats, PodStats, ProbeCounts,
    ProbeType, Probes, Stats, StatsReply, StatsRequest,
};

use crate::client::{Client, PROTOCOLS, Protocol};
use crate::kubelet::{Kubelet, Setup};

/// Tells what it was told to tell, and how often it was asked.
#[derive(Default)]
pub(crate) struct FakeStats {
    reply: Mutex<Option<Result<StatsReply>>>,
    asked: AtomicU32,
    hangs: Mutex<bool>,
}

impl Stats for FakeStats {
    fn stats(&self, request: StatsRequest) -> BoxFuture<'_, Result<StatsReply>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if *self.hangs.lock() {
            return std::future::pending().boxed();
        }
        let mut reply = self.reply.lock().clone().unwrap_or_else(|| Ok(StatsReply::default()));
        if let (true, Ok(reply)) = (request.only_cpu_and_memory, &mut reply) {
            reply.pods.iter_mut().for_each(|pod| pod.network = None);
        }
        async move {
            // Whoever asks meanwhile has to wait.
            tokio::task::yield_now().await;
            reply
        }
        .boxed()
    }
}

impl Probes for FakeStats {
    fn counts(&self) -> BoxFuture<'_, Result<Vec<ProbeCounts>>> {
        let mut counts = ProbeCounts::new(PodUid::from("uid-1"), key("web"), "app", ProbeType::Readiness);
        (counts.successful, counts.failed) = (5, 2);
        std::future::ready(Ok(vec![counts])).boxed()
    }
}

/// Shows one made-up counter, and counts requests for tests to look at.
#[derive(Debug)]
pub(crate) struct FakeMetrics {
    registry: Registry,
    requests: RequestMetrics,
}

impl Default for FakeMetrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let requests = RequestMetrics::register(&mut registry);
        Self { registry, requests }
    }
}

impl FakeMetrics {
    /// What was counted.
    pub(crate) fn counted(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

impl MetricsSource for FakeMetrics {
    fn open_metrics(&self) -> std::result::Result<String, std::fmt::Error> {
        Ok("# HELP calls Calls.\n# TYPE calls counter\ncalls_total 3\n# EOF\n".to_owned())
    }

    fn requests(&self) -> Option<&RequestMetrics> {
        Some(&self.requests)
    }
}

fn key(name: &str) -> PodKey {
    PodKey::new("default", name)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Two pods: one of which everything is known, one of which little is.
fn two_pods() -> StatsReply {
    let now = time("2026-01-01T00:01:00.5Z");
    let mut memory = MemoryStats::working_set(now, 50_000_000);
    memory.usage_bytes = Some(60_000_000);
    memory.rss_bytes = Some(40_000_000);
    memory.available_bytes = Some(14_000_000);
    memory.page_faults = Some(1234);
    memory.major_page_faults = Some(5);
    let mut app = ContainerStats::new("app");
    app.id = "docker://0123".to_owned();
    app.image = "busybox:1".to_owned();
    app.start_time = Some(time("2026-01-01T00:00:01.25Z"));
    app.cpu = Some(CpuStats::cumulative(now, 12_345_678_900));
    app.memory = Some(memory);
    app.root_filesystem = Some(FilesystemStats::used(now, 4096));
    let mut web = PodStats::new(PodUid::from("uid-1"), key("web"), vec![app]);
    let interface = InterfaceStats::new("eth0", 1000, 2000).with_errors(1, 2);
    web.network = Some(NetworkStats::new(now, vec![interface]));

    let mut rated = ContainerStats::new("main");
    rated.start_time = Some(time("2026-01-01T00:00:00.5Z"));
    rated.cpu = Some(CpuStats::rate(now, 250_000_000));
    let other = PodStats::new(PodUid::from("uid-2"), key("other"), vec![rated]);
    StatsReply::of_pods(vec![web, other])
}

/// A node whose clock stands still.
async fn kubelet_with(reply: Result<StatsReply>) -> Kubelet {
    let kubelet = Kubelet::start().await;
    *kubelet.fakes.stats.reply.lock() = Some(reply);
    kubelet
}

/// JSON, laid out for people. What the node says of itself has the time of the test, and is put right.
fn pretty(body: &str) -> String {
    let mut document: Value = serde_json::from_str(body).unwrap();
    for part in ["", "cpu", "memory"] {
        let node = document.pointer_mut(&format!("/node{}{part}", if part.is_empty() { "" } else { "/" }));
        for field in ["startTime", "time"] {
            if let Some(time) = node.as_ref().and_then(|node| node.get(field)) {
                assert!(time.as_str().unwrap().parse::<Timestamp>().is_ok());
            }
        }
        if let Some(Value::Object(node)) = node {
            for field in ["startTime", "time"] {
                node.entry(field).and_modify(|time| *time = "NOW".into());
            }
        }
    }
    serde_json::to_string_pretty(&document).unwrap() + "\n"
}

async fn get_as(client: &mut Client, path: &str, accept: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).header("host", "127.0.0.1").header(ACCEPT, accept).body(Empty::new()).unwrap();
    let response = client.send(request).await.unwrap();
    let content_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, content_type, String::from_utf8(body.to_vec()).unwrap())
}

/// Samples that carry the time of the test.
fn without_node_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(' ') {
        Some((name, rest)) if name.starts_with("node_") => {
            let value = rest.split(' ').next().unwrap();
            format!("{name} {value} NOW\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[tokio::test]
async fn the_summary_is_what_a_kubelet_writes() {
    let kubelet = kubelet_with(Ok(two_pods())).await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.admin(protocol).await;
        let (status, body) = client.get("/stats/summary").await;
        assert_eq!(status, StatusCode::OK);
        expect_file!["../golden/stats_summary.json"].assert_eq(&pretty(&body));
        let (_, body) = client.get("/stats/summary/?only_cpu_and_memory=true").await;
        expect_file!["../golden/stats_summary_cpu_and_memory.json"].assert_eq(&pretty(&body));
        assert_eq!(client.get("/stats/summary?only_cpu_and_memory=perhaps").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(client.get("/stats/container").await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn resource_metrics_have_the_names_of_a_kubelet() {
    let kubelet = kubelet_with(Ok(two_pods())).await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    let (status, content_type, body) = get_as(&mut client, "/metrics/resource", "text/plain").await;
    assert_eq!((status, content_type.as_str()), (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8"));
    expect_file!["../golden/metrics_resource.txt"].assert_eq(&without_node_times(&body));
    let accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3";
    let (status, content_type, body) = get_as(&mut client, "/metrics/resource", accept).await;
    assert_eq!(status, StatusCode::OK);
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
    expect_file!["../golden/metrics_resource.openmetrics"].assert_eq(&without_node_times(&body));
}

#[tokio::test]
async fn dashboards_find_the_families_of_cadvisor() {
    let kubelet = kubelet_with(Ok(two_pods())).await;
    let (status, body) = kubelet.admin(Protocol::Http2).await.get("/metrics/cadvisor").await;
    assert_eq!(status, StatusCode::OK);
    let without_node: String =
        body.lines().filter(|line| !line.contains("id=\"/\"")).map(|line| format!("{line}\n")).collect();
    expect_file!["../golden/metrics_cadvisor.txt"].assert_eq(&without_node);
}

#[tokio::test]
async fn a_back_end_that_cannot_be_asked_is_a_metric_and_an_error() {
    let kubelet = kubelet_with(Err(Error::unavailable("the engine is down"))).await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    let (status, body) = client.get("/metrics/resource").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.ends_with("# TYPE resource_scrape_error gauge\nresource_scrape_error 1\n"), "{body}");
    assert_eq!(body.lines().count(), 3);
    for path in ["/stats/summary", "/metrics/cadvisor"] {
        let (status, body) = client.get(path).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert!(body.contains("the engine is down"), "{body}");
    }
}

#[tokio::test]
async fn a_back_end_that_hangs_is_given_up() {
    let kubelet = Setup::new().limits(|limits| limits.backend_timeout = std::time::Duration::from_millis(50)).start();
    let kubelet = kubelet.await;
    *kubelet.fakes.stats.hangs.lock() = true;
    let (status, body) = kubelet.admin(Protocol::Http1).await.get("/stats/summary").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(body.contains("in time"), "{body}");
}

/// vk#987, interLink#325: a scraper finds nothing to complain of.
#[tokio::test]
async fn without_statistics_everything_is_empty_and_fine() {
    let mut setup = Setup::new();
    setup.without_interfaces = true;
    let kubelet = setup.start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    let (status, body) = client.get("/stats/summary").await;
    let expected = serde_json::json!({ "node": { "nodeName": "virtual-1", "startTime": null }, "pods": [] });
    assert_eq!((status, serde_json::from_str(&body).ok()), (StatusCode::OK, Some(expected)));
    let (status, body) = client.get("/metrics/resource").await;
    assert!(status == StatusCode::OK && body.ends_with("\nresource_scrape_error 0\n"), "{body}");
    for path in ["/metrics/probes", "/metrics/cadvisor"] {
        assert_eq!(client.get(path).await, (StatusCode::OK, String::new()), "{path}");
    }
}

#[tokio::test]
async fn many_scrapers_are_one_question() {
    let kubelet = kubelet_with(Ok(two_pods())).await;
    let asked = || kubelet.fakes.stats.asked.load(Ordering::SeqCst);
    let scrapes = (0..20).map(|number| {
        let kubelet = &kubelet;
        async move {
            let path = if number % 2 == 0 { "/stats/summary" } else { "/metrics/cadvisor" };
            kubelet.admin(Protocol::Http1).await.get(path).await.0
        }
    });
    assert!(join_all(scrapes).await.into_iter().all(|status| status == StatusCode::OK));
    assert_eq!(asked(), 1);
    // Who wants less is served from the same answer.
    kubelet.admin(Protocol::Http1).await.get("/metrics/resource").await;
    assert_eq!(asked(), 1);
}

#[tokio::test]
async fn an_answer_that_lacks_something_does_not_do_for_everything() {
    let kubelet = kubelet_with(Ok(two_pods())).await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    client.get("/metrics/resource").await;
    let (_, body) = client.get("/stats/summary").await;
    assert!(body.contains("rxBytes"), "{body}");
    assert_eq!(kubelet.fakes.stats.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_answer_grows_old() {
    let kubelet = Setup::new().limits(|limits| limits.stats_max_age = std::time::Duration::ZERO).start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    client.get("/stats/summary").await;
    client.get("/stats/summary").await;
    assert_eq!(kubelet.fakes.stats.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_agents_own_metrics_are_served_in_both_formats() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    let (_, content_type, body) = get_as(&mut client, "/metrics", "*/*").await;
    assert_eq!(body, "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 3\n");
    assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
    let (_, content_type, body) = get_as(&mut client, "/metrics", "application/openmetrics-text").await;
    assert!(body.ends_with("calls_total 3\n# EOF\n") && content_type.contains("openmetrics"), "{content_type}: {body}");
}

#[test]
fn every_family_is_documented() {
    let document = include_str!("../../../../docs/metrics.md");
    for page in [include_str!("../golden/metrics_resource.txt"), include_str!("../golden/metrics_cadvisor.txt")] {
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[tokio::test]
async fn probes_are_counted_as_a_kubelet_counts_them() {
    let kubelet = Kubelet::start().await;
    let (status, body) = kubelet.admin(Protocol::Http1).await.get("/metrics/probes").await;
    assert_eq!(status, StatusCode::OK);
    let sample = |result, count| {
        format!(
            "prober_probe_total{{container=\"app\",namespace=\"default\",pod=\"web\",pod_uid=\"uid-1\",\
             probe_type=\"Readiness\",result=\"{result}\"}} {count}\n"
        )
    };
    assert!(body.ends_with(&(sample("failed", 2) + &sample("successful", 5))), "{body}");
}

#[tokio::test]
async fn the_configuration_has_the_shape_of_a_kubelets() {
    let kubelet = Kubelet::start().await;
    let (status, body) = kubelet.admin(Protocol::Http1).await.get("/configz").await;
    assert_eq!(status, StatusCode::OK);
    let directory = kubelet.files.dir.path().to_str().unwrap();
    let port = format!("\"port\":{}", kubelet.address.port());
    assert!(body.contains(&port), "{body}");
    let body = body.replace(directory, "/etc/tls").replace(&port, "\"port\":10250");
    let document: Value = serde_json::from_str(&body).unwrap();
    let pretty = serde_json::to_string_pretty(&document).unwrap() + "\n";
    expect_file!["../golden/configz.json"].assert_eq(&pretty);
}

#[tokio::test]
async fn pods_that_run_are_listed_by_what_the_back_end_knows() {
    let kubelet = Kubelet::start().await;
    let containers = vec![("app".to_owned(), "busybox:1".to_owned())];
    *kubelet.fakes.pods.running.lock() = vec![RunningPod::new(PodUid::from("uid-1"), key("web"), containers)];
    let raw = r#"{"metadata":{"name":"web","namespace":"default","uid":"uid-1","unknownField":1},"spec":{}}"#;
    *kubelet.fakes.pods.list.lock() = vec![Ok(RawPod::new(raw.as_bytes().to_vec()))];
    let mut client = kubelet.user("scraper", Protocol::Http1).await;
    for (path, file) in
        [("/pods", expect_file!["../golden/pods.json"]), ("/runningpods/", expect_file!["../golden/running_pods.json"])]
    {
        let (status, body) = client.get(path).await;
        assert_eq!(status, StatusCode::OK);
        let document: Value = serde_json::from_str(&body).unwrap();
        file.assert_eq(&(serde_json::to_string_pretty(&document).unwrap() + "\n"));
    }
    assert_eq!(client.get("/stats/summary").await.0, StatusCode::FORBIDDEN);
}

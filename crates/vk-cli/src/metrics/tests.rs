use std::collections::{BTreeMap, BTreeSet};

use http::Request;
use tower::{Layer, Service};
use virtual_kubelet::kubelet_api::ExpositionFormat;
use vk_core::resolved::Target;
use vk_core::{PodKey, PodUid};
use vk_provider::Provider;
use vk_provider_mock::MockProvider;

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

/// A family as scrapers see it.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

/// Every family: those with labels have no sample, and are not shown, until something has been counted.
async fn families() -> BTreeMap<String, Family> {
    let metrics = Metrics::new("vk", "mock");
    let answers = tower::service_fn(|_: Request<()>| async { Ok::<_, std::io::Error>(http::Response::new(())) });
    metrics.api_requests.layer(answers).call(Request::get("/api/v1/pods").body(()).unwrap()).await.unwrap();
    let (mock, _) = MockProvider::in_memory("vk", jiff::Timestamp::UNIX_EPOCH);
    let target = Target::new(PodUid::from("a"), PodKey::new("default", "a"));
    // The back end has been dropped, so the call fails; it is counted like any other.
    metrics.provider_calls.layer(mock).lookup(target).await.unwrap_err();
    drop(metrics.requests().unwrap().begin(&http::Method::GET, "/pods"));
    let text = ExpositionFormat::Text.convert(metrics.open_metrics().unwrap());
    read(&text)
}

fn read(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.trim_end_matches('.').to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, rest)) = line.split_once('{') {
            let labels = rest.split_once('}').unwrap().0.split(',').filter_map(|label| label.split_once('='));
            let labels = labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le");
            let (_, family) = families.iter_mut().rfind(|(family, _)| name.starts_with(family.as_str())).unwrap();
            family.labels.extend(labels);
        }
    }
    families
}

#[tokio::test]
async fn every_metric_is_documented() {
    let mut table = String::from("| metric | kind | labels | what it says |\n|---|---|---|---|\n");
    for (name, Family { kind, help, labels }) in families().await {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        table += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
    }
    assert!(DOCUMENT.contains(&table), "docs/metrics.md should have this table:\n\n{table}");
}

/// <https://prometheus.io/docs/practices/naming/>, which Kubernetes follows.
#[tokio::test]
async fn names_follow_the_conventions() {
    for (name, Family { kind, help, .. }) in families().await {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let prefixes = ["virtual_kubelet_", "process_", "kubelet_http_"];
        assert!(prefixes.iter().any(|prefix| name.starts_with(prefix)), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}: {kind}");
        assert!(kind != "histogram" || name.ends_with("_seconds"), "{name}: {kind}");
        assert!(!["_ms", "_millis", "_kb", "_count"].iter().any(|unit| name.ends_with(unit)), "{name}");
        assert!(!help.is_empty(), "{name}");
    }
}

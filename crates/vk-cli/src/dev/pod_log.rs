//! Pods as they come and go, a line each time that one looks different.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use vk_apiserver::Object;

use super::cluster::Cluster;

/// More often nobody reads.
const INTERVAL: Duration = Duration::from_millis(200);

/// Prints what becomes of pods, for ever.
pub(super) async fn follow(cluster: &Cluster) -> Infallible {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let pods: BTreeMap<String, String> =
            cluster.server().inspect(|kernel| kernel.objects("pods").map(|pod| (title(pod), state(pod))).collect());
        let time = Timestamp::now().to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
        for (pod, state) in pods.iter().filter(|(pod, state)| shown.get(*pod) != Some(*state)) {
            println!("{time}  {pod:<40}  {state}");
        }
        for pod in shown.keys().filter(|pod| !pods.contains_key(*pod)) {
            println!("{time}  {pod:<40}  gone");
        }
        shown = pods;
        tokio::time::sleep(INTERVAL).await;
    }
}

fn title(pod: &Object) -> String {
    format!("{}/{}", pod.namespace(), pod.name())
}

/// The phase, where it runs, and what a container waits for or ended with.
fn state(pod: &Object) -> String {
    let phase = pod.text("/status/phase");
    let node = pod.text("/spec/nodeName");
    let reason = pod.text("/status/reason");
    let containers = pod.items("/status/containerStatuses").iter();
    let details = containers.filter_map(|container| {
        let name = container["name"].as_str()?;
        if let Some(waiting) = container["state"]["waiting"]["reason"].as_str() {
            return Some(format!("{name}: {waiting}"));
        }
        let code = container["state"]["terminated"]["exitCode"].as_i64().filter(|code| *code != 0)?;
        Some(format!("{name}: exit code {code}"))
    });
    let mut words =
        vec![if pod.at("/metadata/deletionTimestamp").is_some() { "Terminating" } else { phase }.to_owned()];
    if !node.is_empty() {
        words.push(format!("on {node}"));
    }
    if !reason.is_empty() {
        words.push(format!("({reason})"));
    }
    words.extend(details.map(|detail| format!("({detail})")));
    words.join(" ")
}

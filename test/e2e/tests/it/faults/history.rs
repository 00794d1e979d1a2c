//! What the API server has shown of pods, whoever still finds them there.

use std::collections::BTreeMap;
use std::pin::pin;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::stage::{PodView, Stage, client_config};

/// After a watch that failed; also how long the last changes may take to come.
const PAUSE: Duration = Duration::from_millis(500);

/// Follows the pods of a namespace until it is asked what it saw.
pub(super) struct History {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<BTreeMap<String, Record>>,
}

/// A pod as it was last seen, by UID, and what should not have been seen.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) pod: PodView,
    pub(super) complaints: Vec<String>,
}

impl History {
    pub(super) fn follow(stage: &Stage) -> Self {
        let (stop, stopped) = oneshot::channel();
        let kubeconfig = stage.environment().cluster.admin_kubeconfig();
        let namespace = stage.name().to_owned();
        let thread = thread::spawn(move || {
            let mut records = BTreeMap::new();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = Client::try_from(client_config(&kubeconfig).await).unwrap();
                let pods = Api::<Pod>::namespaced(client, &namespace);
                tokio::select! {
                    biased;
                    // An end without a word is an end too.
                    _ = stopped => {}
                    () = watch(pods, &mut records) => {}
                }
            });
            records
        });
        Self { stop, thread }
    }

    /// All pods that were seen.
    pub(super) fn finish(self) -> BTreeMap<String, Record> {
        thread::sleep(PAUSE);
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

async fn watch(pods: Api<Pod>, records: &mut BTreeMap<String, Record>) {
    let mut events = pin!(watcher(pods, Config::default()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitApply(pod) | Event::Apply(pod) | Event::Delete(pod)) => {
                record(records, PodView::new(serde_json::to_value(pod).unwrap()));
            }
            Ok(Event::Init | Event::InitDone) => {}
            Err(_) => sleep(PAUSE).await,
        }
    }
}

fn record(records: &mut BTreeMap<String, Record>, pod: PodView) {
    let Some(known) = records.get_mut(&pod.uid()) else {
        records.insert(pod.uid(), Record { pod, complaints: Vec::new() });
        return;
    };
    let before = known.pod.phase();
    if matches!(before, "Succeeded" | "Failed") && pod.phase() != before {
        known.complaints.push(format!("went from {before} to {}", pod.phase()));
    }
    for container in pod.container_names() {
        let (before, now) = (known.pod.restarts(&container), pod.restarts(&container));
        if now < before {
            known.complaints.push(format!("{container}: restarts went from {before} to {now}"));
        }
    }
    known.pod = pod;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_goes_back_is_noted() {
        let pod = |phase: &str, restarts: u32| {
            PodView::new(json!({
                "metadata": { "uid": "1" }, "spec": { "containers": [{ "name": "main" }] },
                "status": { "phase": phase, "containerStatuses": [{ "name": "main", "restartCount": restarts }] },
            }))
        };
        let mut records = BTreeMap::new();
        for (phase, restarts) in [("Running", 0), ("Running", 2), ("Running", 1), ("Failed", 1), ("Running", 1)] {
            record(&mut records, pod(phase, restarts));
        }
        assert_eq!(records["1"].complaints, ["main: restarts went from 2 to 1", "went from Failed to Running"]);
    }
}

//! Watching what becomes of the pods, with our own clock.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;

/// After a watch was cut. The server cuts watchers that are slow to read, and in a burst it calls most of them slow.
const RESUME_DELAY: Duration = Duration::from_millis(50);

/// What was seen of the pods on one node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// When each was first seen with the phase Running.
    pub(crate) running: BTreeMap<String, Instant>,
    /// When each was seen to be gone.
    pub(crate) gone: BTreeMap<String, Instant>,
    /// Those that ended before anybody asked them to, and as what.
    pub(crate) ended: BTreeMap<String, String>,
    /// Full lists: one at the start, others after watches that could not be resumed.
    pub(crate) lists: usize,
    /// Pods that are there, to tell after a full list what has gone.
    present: BTreeSet<String>,
    /// Pods of a full list that has begun.
    listing: BTreeSet<String>,
}

/// Starts to watch; the answer follows what was seen. It ends when the answer is dropped.
pub(crate) fn observe(client: Client, node: &str) -> watch::Receiver<Seen> {
    let (sender, seen) = watch::channel(Seen::default());
    let config = watcher::Config::default().fields(&format!("spec.nodeName={node}"));
    tokio::spawn(async move {
        let ended = sender.clone();
        tokio::select! {
            biased;
            () = ended.closed() => {}
            () = follow(client, config, sender) => {}
        }
    });
    seen
}

async fn follow(client: Client, config: watcher::Config, seen: watch::Sender<Seen>) {
    loop {
        let mut events = pin!(watcher(Api::<SeenPod>::all(client.clone()), config.clone()));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => seen.send_modify(|seen| seen.take(event, Instant::now())),
                // A new watcher lists: whatever was missed shows then.
                Err(_) => break,
            }
        }
        tokio::time::sleep(RESUME_DELAY).await;
    }
}

impl Seen {
    fn take(&mut self, event: Event<SeenPod>, now: Instant) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(pod) => {
                self.listing.insert(pod.name_any());
                self.applied(&pod, now);
            }
            Event::InitDone => {
                self.lists += 1;
                let listed = std::mem::take(&mut self.listing);
                for name in self.present.difference(&listed) {
                    self.gone.insert(name.clone(), now);
                }
                self.present = listed;
            }
            Event::Apply(pod) => {
                self.present.insert(pod.name_any());
                self.applied(&pod, now);
            }
            Event::Delete(pod) => {
                self.present.remove(&pod.name_any());
                self.gone.insert(pod.name_any(), now);
            }
        }
    }

    fn applied(&mut self, pod: &SeenPod, now: Instant) {
        match pod.phase() {
            "Running" => {
                self.running.entry(pod.name_any()).or_insert(now);
            }
            phase @ ("Failed" | "Succeeded") if pod.metadata.deletion_timestamp.is_none() => {
                self.ended.insert(pod.name_any(), phase.to_owned());
            }
            _ => {}
        }
    }
}

/// The little of a pod that is looked at: decoding all of it would take the processor from what is measured.
#[derive(Debug, Clone, Deserialize)]
struct SeenPod {
    #[serde(deserialize_with = "slim")]
    metadata: ObjectMeta,
    status: Option<SeenStatus>,
}

#[derive(Debug, Clone, Deserialize)]
struct SeenStatus {
    phase: Option<String>,
}

impl SeenPod {
    fn phase(&self) -> &str {
        self.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
    }
}

/// Metadata without what makes it long.
fn slim<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Slim {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        deletion_timestamp: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    }
    let slim = Slim::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: slim.name,
        namespace: slim.namespace,
        uid: slim.uid,
        resource_version: slim.resource_version,
        deletion_timestamp: slim.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

impl Resource for SeenPod {
    type DynamicType = ();
    type Scope = <Pod as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        Pod::kind(&())
    }
    fn group((): &()) -> Cow<'_, str> {
        Pod::group(&())
    }
    fn version((): &()) -> Cow<'_, str> {
        Pod::version(&())
    }
    fn plural((): &()) -> Cow<'_, str> {
        Pod::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, phase: &str) -> SeenPod {
        serde_json::from_value(json!({
            "metadata": { "name": name, "managedFields": [{ "manager": "x" }] },
            "status": { "phase": phase },
        }))
        .unwrap()
    }

    fn names(of: &BTreeMap<String, Instant>) -> Vec<&str> {
        of.keys().map(String::as_str).collect()
    }

    #[tokio::test]
    async fn the_first_sight_of_a_phase_counts() {
        let mut seen = Seen::default();
        let first = Instant::now();
        seen.take(Event::Apply(pod("a", "Pending")), first);
        assert!(seen.running.is_empty());
        seen.take(Event::Apply(pod("a", "Running")), first);
        seen.take(Event::Apply(pod("a", "Running")), first + Duration::from_secs(1));
        assert_eq!(seen.running["a"], first);
        seen.take(Event::Apply(pod("b", "Failed")), first);
        assert_eq!(seen.ended["b"], "Failed");
    }

    #[tokio::test]
    async fn what_a_new_list_lacks_has_gone() {
        let mut seen = Seen::default();
        let now = Instant::now();
        for name in ["a", "b", "c"] {
            seen.take(Event::Apply(pod(name, "Running")), now);
        }
        seen.take(Event::Delete(pod("a", "Running")), now);
        seen.take(Event::Init, now);
        seen.take(Event::InitApply(pod("c", "Running")), now);
        seen.take(Event::InitDone, now);
        assert_eq!((names(&seen.gone), names(&seen.running)), (vec!["a", "b"], vec!["a", "b", "c"]));
    }
}

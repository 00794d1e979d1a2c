//! Writes waiting Events, one after the other, until they are taken.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use vk_core::BackendEvent;
use vk_core::backoff::Backoff;
use vk_core::correlation::{Correlator, EventWrite, SeriesKey};
use vk_core::time::whole_seconds;

use super::involved::Involved;
use super::queue::Queue;
use crate::env::Env;

const COMPONENT: &str = "virtual-kubelet";

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Writer {
    client: Client,
    node_name: String,
    env: Env,
    correlator: Correlator,
    /// Names of the Events of known series.
    names: BTreeMap<SeriesKey, String>,
}

/// What became of an attempt.
enum Attempt {
    Done,
    /// The server will never take it: a namespace that goes away, an Event that is gone.
    Pointless(String),
    Failed(String),
}

/// After so many failures in a row an Event goes to the end of the queue: what keeps one from being written, as a webhook
/// of its namespace, may not concern the others.
const TURN: u32 = 5;

/// Longest name of an API object.
const MOST_NAME_BYTES: usize = 253;

impl Writer {
    pub(super) fn new(client: Client, node_name: String, env: Env) -> Self {
        Self { client, node_name, env, correlator: Correlator::default(), names: BTreeMap::new() }
    }

    /// Runs until every recorder is gone and nothing waits.
    pub(super) async fn run(mut self, queue: Weak<Queue>) {
        while let Some(alive) = queue.upgrade() {
            match alive.pop() {
                Some((involved, event, times)) => {
                    if !self.write(&involved, &event, times).await {
                        alive.put_back(&involved, event, times);
                    }
                }
                None => {
                    tokio::select! {
                        biased;
                        () = alive.arrival() => {}
                        // Looks up now and then, so that it does not outlive its recorders.
                        () = tokio::time::sleep(Duration::from_secs(5)) => {}
                    }
                }
            }
        }
    }

    /// Whether that is done with.
    async fn write(&mut self, involved: &Involved, event: &BackendEvent, times: u32) -> bool {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let mut write = self.correlator.correlate(&involved.uid, event, times, self.env.now().mono);
        // One name for all attempts: the answer to the first may have been lost.
        let name = event_name(&involved.name, self.env.random().next_u64());
        loop {
            match self.attempt(involved, event, &write, &name).await {
                Attempt::Done => return true,
                Attempt::Pointless(message) => {
                    self.forget(&write);
                    if matches!(write, EventWrite::Create { .. }) {
                        tracing::debug!(message, reason = event.reason, "an Event is refused and dropped");
                        return true;
                    }
                    // The Event that was to be counted up has expired: a new one begins.
                    write = self.correlator.correlate(&involved.uid, event, times, self.env.now().mono);
                }
                Attempt::Failed(message) => {
                    let delay = backoff.next_delay(self.env.random().next_u64());
                    tracing::debug!(message, ?delay, "an Event could not be written yet");
                    tokio::time::sleep(delay).await;
                    if backoff.failures() >= TURN {
                        self.forget(&write);
                        return false;
                    }
                }
            }
        }
    }

    fn forget(&mut self, write: &EventWrite) {
        let (EventWrite::Create { series, .. } | EventWrite::Count { series, .. }) = write;
        self.names.remove(series);
        self.correlator.forget(series);
    }

    async fn attempt(&mut self, involved: &Involved, event: &BackendEvent, write: &EventWrite, name: &str) -> Attempt {
        let request = async {
            match write {
                EventWrite::Create { series, message, count } => {
                    let object = self.object(involved, event, name, message, *count);
                    self.create(involved, series, object).await
                }
                EventWrite::Count { series, count } => self.count(involved, series, *count).await,
            }
        };
        match tokio::time::timeout(PATIENCE, request).await {
            Ok(Ok(())) => Attempt::Done,
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 400 | 403 | 404 | 409 | 410 | 422) => {
                Attempt::Pointless(status.message)
            }
            Ok(Err(error)) => Attempt::Failed(error.to_string()),
            Err(_) => Attempt::Failed("no answer in time".to_owned()),
        }
    }

    async fn create(&mut self, involved: &Involved, series: &SeriesKey, object: Event) -> kube::Result<()> {
        match self.events(involved).create(&PostParams::default(), &object).await {
            // An attempt whose answer was lost has made it.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            answer => drop(answer?),
        }
        if self.names.len() >= 2 * 4096 {
            self.names.clear();
        }
        self.names.insert(series.clone(), object.metadata.name.unwrap_or_default());
        Ok(())
    }

    async fn count(&self, involved: &Involved, series: &SeriesKey, count: u32) -> kube::Result<()> {
        let Some(name) = self.names.get(series) else {
            let gone = kube::core::Status::failure("its name is not known any more", "NotFound").with_code(404);
            return Err(kube::Error::Api(gone.boxed()));
        };
        let patch = serde_json::json!({
            "count": count,
            "lastTimestamp": whole_seconds(self.env.now().wall).to_string(),
        });
        self.events(involved).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    fn object(&self, involved: &Involved, event: &BackendEvent, name: &str, message: &str, count: u32) -> Event {
        let now = Time(whole_seconds(self.env.now().wall));
        Event {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(involved.event_namespace().to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some(involved.kind.to_owned()),
                namespace: involved.namespace.clone(),
                name: Some(involved.name.clone()),
                uid: Some(involved.uid.clone()),
                field_path: event.container.as_ref().map(|container| format!("spec.containers{{{container}}}")),
                ..ObjectReference::default()
            },
            type_: Some(event.kind.as_str().to_owned()),
            reason: Some(event.reason.clone()),
            message: Some(truncated(message)),
            source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: Some(self.node_name.clone()) }),
            reporting_component: Some(COMPONENT.to_owned()),
            reporting_instance: Some(self.node_name.clone()),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            count: Some(i32::try_from(count).unwrap_or(i32::MAX)),
            ..Event::default()
        }
    }

    fn events(&self, involved: &Involved) -> Api<Event> {
        Api::namespaced(self.client.clone(), involved.event_namespace())
    }
}

/// The API server takes messages of up to 1024 bytes.
fn truncated(message: &str) -> String {
    start_of(message, 1024).to_owned()
}

/// The object's name and a suffix, within the length of a name.
fn event_name(object: &str, random: u64) -> String {
    let suffix = format!("{random:016x}");
    let object = start_of(object, MOST_NAME_BYTES - suffix.len() - 1).trim_end_matches(['-', '.']);
    format!("{object}.{suffix}")
}

fn start_of(text: &str, most_bytes: usize) -> &str {
    let end = (0..=text.len().min(most_bytes)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_of_an_object_with_a_long_name_has_a_valid_name() {
        assert_eq!(event_name("web", 7), "web.0000000000000007");
        let long = format!("{}-{}", "a".repeat(235), "b".repeat(17));
        let name = event_name(&long, u64::MAX);
        assert_eq!(name, format!("{}.{}", "a".repeat(235), "f".repeat(16)));
    }
}

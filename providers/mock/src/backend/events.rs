//! Events: what a person who describes a mock pod is told.
//!
//! A kubelet writes three for each container that starts, and one for each that it stops. Mock pods come by the thousand, and
//! each Event is a request to the API server: so a pod has two in its whole life, `Started` and `Killing`, which tell of all
//! its containers.

use std::collections::BTreeMap;
use std::sync::Arc;

use vk_core::{BackendEvent, EventType, PodUid};
use vk_provider::EventSink;

use super::pod::Pod;

/// Whom to tell of which pod, and what has been told. Forgets with the agent: who adopts a pod says it again.
#[derive(Default)]
pub(super) struct Events {
    listeners: BTreeMap<PodUid, Listener>,
}

struct Listener {
    sink: Arc<dyn EventSink>,
    has_told_start: bool,
    has_told_stop: bool,
}

impl Events {
    /// Tells of this pod from now on; what has happened already is not told to a second listener.
    pub(super) fn listen(&mut self, uid: &PodUid, pod: Option<&Pod>, sink: Arc<dyn EventSink>) {
        match self.listeners.get_mut(uid) {
            Some(known) => known.sink = sink,
            None => {
                let has_told_start = pod.is_some_and(Pod::has_started);
                let has_told_stop = pod.is_some_and(Pod::is_ordered_to_stop);
                self.listeners.insert(uid.clone(), Listener { sink, has_told_start, has_told_stop });
            }
        }
    }

    pub(super) fn forget(&mut self, uid: &PodUid) {
        self.listeners.remove(uid);
    }

    /// Tells what has become of a pod; `None` if it is gone.
    pub(super) fn changed(&mut self, uid: &PodUid, pod: Option<&Pod>) {
        let Some(pod) = pod else { return self.forget(uid) };
        let Some(listener) = self.listeners.get_mut(uid) else { return };
        if pod.has_started() && !listener.has_told_start {
            listener.has_told_start = true;
            listener.sink.record(event(pod, "Started", "Started"));
        }
        if pod.is_ordered_to_stop() && listener.has_told_start && !listener.has_told_stop {
            listener.has_told_stop = true;
            listener.sink.record(event(pod, "Killing", "Stopping"));
        }
    }
}

fn event(pod: &Pod, reason: &str, verb: &str) -> BackendEvent {
    let mut names = pod.containers.iter().map(|container| container.name.as_str());
    let (message, container) = match (names.next(), names.next()) {
        (Some(only), None) => (format!("{verb} container {only}"), Some(only.to_owned())),
        _ => {
            let all: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
            (format!("{verb} containers {}", all.join(", ")), None)
        }
    };
    BackendEvent { kind: EventType::Normal, reason: reason.to_owned(), message, container }
}

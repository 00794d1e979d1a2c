//! The smallest strategic-merge patch from what the API says to what it should say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::addresses::Addresses;
use super::conditions::Conditions;
use super::container_lists::ContainerStatuses;

/// The part of a pod's status that a node agent owns.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct OwnedStatus {
    pub(super) phase: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) start_time: Option<Time>,
    pub(super) observed_generation: Option<i64>,
    pub(super) addresses: Addresses,
    pub(super) containers: ContainerStatuses,
    pub(super) conditions: Conditions,
}

impl OwnedStatus {
    /// What the API says, all conditions included: those that are not ours are never compared.
    pub(super) fn in_api(status: &PodStatus) -> Self {
        let list = |list: &Option<Vec<ContainerStatus>>| list.clone().unwrap_or_default();
        Self {
            phase: filled(status.phase.clone()),
            reason: filled(status.reason.clone()),
            message: filled(status.message.clone()),
            start_time: status.start_time.clone(),
            observed_generation: status.observed_generation,
            addresses: Addresses::in_api(status),
            containers: ContainerStatuses {
                init: list(&status.init_container_statuses),
                app: list(&status.container_statuses),
                ephemeral: list(&status.ephemeral_container_statuses),
            },
            conditions: Conditions { present: status.conditions.clone().unwrap_or_default(), absent: Vec::new() },
        }
        .in_one_spelling()
    }

    /// The API writes an empty value in several ways.
    pub(super) fn in_one_spelling(mut self) -> Self {
        let containers = &mut self.containers;
        for list in [&mut containers.init, &mut containers.app, &mut containers.ephemeral] {
            list.iter_mut().for_each(normalize_container);
        }
        for condition in &mut self.conditions.present {
            condition.reason = filled(condition.reason.take());
            condition.message = filled(condition.message.take());
            condition.observed_generation = condition.observed_generation.filter(|generation| *generation != 0);
        }
        self
    }

    /// The same without messages for people. Termination messages stay: programs read them.
    fn without_messages(mut self) -> Self {
        self.message = None;
        let containers = &mut self.containers;
        for status in containers.init.iter_mut().chain(&mut containers.app).chain(&mut containers.ephemeral) {
            if let Some(waiting) = status.state.as_mut().and_then(|state| state.waiting.as_mut()) {
                waiting.message = None;
            }
        }
        for condition in &mut self.conditions.present {
            condition.message = None;
        }
        self
    }
}

/// The patch of the status, empty if nothing differs, and whether only messages differ.
pub(super) fn status_patch(api: OwnedStatus, wanted: OwnedStatus) -> (Map<String, Value>, bool) {
    let patch = difference(&api, &wanted);
    let is_cosmetic = !patch.is_empty() && difference(&api.without_messages(), &wanted.without_messages()).is_empty();
    (patch, is_cosmetic)
}

/// The annotations that the pod does not have, or has with another value.
pub(super) fn annotations_patch(metadata: &ObjectMeta, wanted: &BTreeMap<String, String>) -> Map<String, Value> {
    let known = metadata.annotations.as_ref();
    wanted
        .iter()
        .filter(|(key, value)| known.and_then(|known| known.get(*key)) != Some(*value))
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect()
}

/// The whole patch: for this pod and no other of its name (invariant 1), and for this version of it, because the server
/// does not keep a phase from going back.
pub(super) fn body(metadata: &ObjectMeta, status: Map<String, Value>, annotations: Map<String, Value>) -> Value {
    let mut meta = Map::new();
    put(&mut meta, "uid", &metadata.uid);
    put(&mut meta, "resourceVersion", &metadata.resource_version);
    if !annotations.is_empty() {
        meta.insert("annotations".to_owned(), Value::Object(annotations));
    }
    let mut body = Map::new();
    body.insert("metadata".to_owned(), Value::Object(meta));
    if !status.is_empty() {
        body.insert("status".to_owned(), Value::Object(status));
    }
    Value::Object(body)
}

fn difference(api: &OwnedStatus, wanted: &OwnedStatus) -> Map<String, Value> {
    let mut patch = Map::new();
    put_if_changed(&mut patch, "phase", &api.phase, &wanted.phase);
    put_if_changed(&mut patch, "reason", &api.reason, &wanted.reason);
    put_if_changed(&mut patch, "message", &api.message, &wanted.message);
    put_if_changed(&mut patch, "startTime", &api.start_time, &wanted.start_time);
    put_if_changed(&mut patch, "observedGeneration", &api.observed_generation, &wanted.observed_generation);
    put_addresses(&mut patch, ("podIP", "podIPs"), &api.addresses.pod, &wanted.addresses.pod);
    put_addresses(&mut patch, ("hostIP", "hostIPs"), &api.addresses.host, &wanted.addresses.host);
    // These lists have no merge key: the whole list replaces the old one.
    let (known, containers) = (&api.containers, &wanted.containers);
    put_if_changed(&mut patch, "initContainerStatuses", &known.init, &containers.init);
    put_if_changed(&mut patch, "containerStatuses", &known.app, &containers.app);
    put_if_changed(&mut patch, "ephemeralContainerStatuses", &known.ephemeral, &containers.ephemeral);
    let conditions = conditions_patch(&api.conditions.present, &wanted.conditions);
    if !conditions.is_empty() {
        patch.insert("conditions".to_owned(), Value::Array(conditions));
    }
    patch
}

/// Entries are merged by `type`; those left out persist.
fn conditions_patch(api: &[PodCondition], wanted: &Conditions) -> Vec<Value> {
    let known = |kind: &str| api.iter().find(|condition| condition.type_ == kind);
    let written = wanted.present.iter().filter_map(|condition| {
        let empty = PodCondition::default();
        let before = known(&condition.type_).unwrap_or(&empty);
        let mut entry = Map::new();
        put_if_changed(&mut entry, "status", &before.status, &condition.status);
        put_if_changed(&mut entry, "reason", &before.reason, &condition.reason);
        put_if_changed(&mut entry, "message", &before.message, &condition.message);
        put_if_changed(&mut entry, "lastTransitionTime", &before.last_transition_time, &condition.last_transition_time);
        put_if_changed(&mut entry, "observedGeneration", &before.observed_generation, &condition.observed_generation);
        if entry.is_empty() {
            return None;
        }
        put(&mut entry, "type", &condition.type_);
        Some(Value::Object(entry))
    });
    let removed = wanted.absent.iter().filter(|kind| known(kind).is_some());
    written.chain(removed.map(|kind| json!({"$patch": "delete", "type": kind}))).collect()
}

/// Merged by `ip`, the server would keep an old address beside the new one and then refuse both.
fn put_addresses(patch: &mut Map<String, Value>, keys: (&str, &str), api: &[String], wanted: &[String]) {
    if api == wanted {
        return;
    }
    let replace = json!({"$patch": "replace"});
    let entries = wanted.iter().map(|ip| json!({"ip": ip}));
    put_if_changed(patch, keys.0, &api.first(), &wanted.first());
    patch.insert(keys.1.to_owned(), std::iter::once(replace).chain(entries).collect());
}

/// A value that is gone becomes `null`, which removes it.
fn put_if_changed<T: PartialEq + Serialize>(patch: &mut Map<String, Value>, key: &str, api: &T, wanted: &T) {
    if api != wanted {
        put(patch, key, wanted);
    }
}

fn put(patch: &mut Map<String, Value>, key: &str, value: &impl Serialize) {
    // Only a map with keys that are no strings could fail, and there is none in these types.
    if let Ok(value) = serde_json::to_value(value) {
        patch.insert(key.to_owned(), value);
    }
}

fn filled(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn normalize_container(status: &mut ContainerStatus) {
    status.container_id = filled(status.container_id.take());
    status.stop_signal = filled(status.stop_signal.take());
    status.allocated_resources = status.allocated_resources.take().filter(|resources| !resources.is_empty());
    status.volume_mounts = status.volume_mounts.take().filter(|mounts| !mounts.is_empty());
    for mount in status.volume_mounts.iter_mut().flatten() {
        mount.read_only = mount.read_only.filter(|read_only| *read_only);
    }
    status.state = Some(status.state.take().unwrap_or_default());
    status.last_state = status.last_state.take().filter(|state| *state != ContainerState::default());
    for state in [&mut status.state, &mut status.last_state].into_iter().flatten() {
        normalize_state(state);
    }
}

fn normalize_state(state: &mut ContainerState) {
    let is_known = |time: &Time| time.0 > Timestamp::UNIX_EPOCH;
    if let Some(waiting) = &mut state.waiting {
        waiting.reason = filled(waiting.reason.take());
        waiting.message = filled(waiting.message.take());
    }
    if let Some(running) = &mut state.running {
        running.started_at = running.started_at.take().filter(is_known);
    }
    if let Some(run) = &mut state.terminated {
        run.signal = run.signal.filter(|signal| *signal != 0);
        run.reason = filled(run.reason.take());
        run.message = filled(run.message.take());
        run.container_id = filled(run.container_id.take());
        run.started_at = run.started_at.take().filter(is_known);
        run.finished_at = run.finished_at.take().filter(is_known);
    }
}

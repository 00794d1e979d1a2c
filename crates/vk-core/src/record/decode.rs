//! From the JSON of a watch event to a [`PodSnapshot`], without decoding the whole pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerRestartRule;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fingerprint::{Fingerprint, fingerprint_of};
use super::{
    AnnotationKey, ContainerFacts, Deletion, HANDLE_ANNOTATION, INSTANCE_ANNOTATION, PodFacts, PodSnapshot,
    RestartPolicy,
};
use crate::admission::{Amounts, Requests, SpecRequests};
use crate::identity::{BackendInstance, Handle, PodKey, PodUid};
use crate::observation::ContainerKind;
use crate::quantity::QuantityError;
use crate::resolved::RawPod;
use crate::status::{ContainerRestart, Phase};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// `terminationGracePeriodSeconds` where the API server has set none.
const DEFAULT_GRACE_SECONDS: u64 = 30;

/// A pod that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A field that every served pod has is missing.
    #[error("the pod has no {0}")]
    Missing(&'static str),
    /// A part of the pod is not what the API says it is.
    #[error("{part}: {source}")]
    Malformed {
        /// `spec`, `status` or `metadata`.
        part: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An amount of a resource that the pod requests is none.
    #[error("a request of the pod: {0}")]
    Requests(QuantityError),
}

/// `metadata` without `managedFields` and the last-applied annotation, which are most of a pod's bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireMeta {
    /// `name`.
    pub name: Option<String>,
    /// `generateName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// `namespace`.
    pub namespace: Option<String>,
    /// `uid`.
    pub uid: Option<String>,
    /// `resourceVersion`.
    pub resource_version: Option<String>,
    /// `generation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// `creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Timestamp>,
    /// `deletionTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Timestamp>,
    /// `deletionGracePeriodSeconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_grace_period_seconds: Option<i64>,
    /// `labels`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// `annotations`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
    /// `finalizers`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub finalizers: Vec<String>,
    /// `ownerReferences`, as served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_references: Option<serde_json::Value>,
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireSpec {
    restart_policy: Option<String>,
    termination_grace_period_seconds: Option<i64>,
    active_deadline_seconds: Option<i64>,
    #[serde(deserialize_with = "null_as_default")]
    init_containers: Vec<WireContainer>,
    #[serde(deserialize_with = "null_as_default")]
    containers: Vec<WireContainer>,
    #[serde(deserialize_with = "null_as_default")]
    ephemeral_containers: Vec<WireContainer>,
    resources: Option<WireResources>,
    overhead: Option<Amounts>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireContainer {
    name: String,
    image: Option<String>,
    resources: Option<Box<RawValue>>,
    restart_policy: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    restart_policy_rules: Vec<ContainerRestartRule>,
}

impl WireContainer {
    fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }

    fn requests(&self) -> Result<Amounts, DecodeError> {
        let Some(resources) = &self.resources else { return Ok(Amounts::new()) };
        let resources: WireResources = serde_json::from_str(resources.get())
            .map_err(|source| DecodeError::Malformed { part: "resources of a container", source })?;
        Ok(resources.requests)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireResources {
    #[serde(deserialize_with = "null_as_default")]
    requests: Amounts,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireStatus {
    phase: Option<String>,
    observed_generation: Option<i64>,
    start_time: Option<Timestamp>,
    #[serde(deserialize_with = "null_as_default")]
    init_container_statuses: Vec<WireContainerStatus>,
    #[serde(deserialize_with = "null_as_default")]
    container_statuses: Vec<WireContainerStatus>,
    #[serde(deserialize_with = "null_as_default")]
    ephemeral_container_statuses: Vec<WireContainerStatus>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireContainerStatus {
    restart_count: i64,
    #[serde(rename = "containerID")]
    container_id: Option<String>,
    state: Option<WireState>,
    last_state: Option<WireState>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireState {
    running: Option<serde::de::IgnoredAny>,
    terminated: Option<serde::de::IgnoredAny>,
}

impl WireState {
    fn is_start(state: Option<&Self>) -> bool {
        state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    }
}

impl WireContainerStatus {
    fn has_started(&self) -> bool {
        self.restart_count > 0
            || self.container_id.as_deref().is_some_and(|id| !id.is_empty())
            || WireState::is_start(self.state.as_ref())
            || WireState::is_start(self.last_state.as_ref())
    }
}

/// Makes a snapshot of the three parts of a served pod.
///
/// # Errors
/// If the pod lacks its identity, or a part has another shape than the API's.
pub fn decode(mut meta: WireMeta, spec: &RawValue, status: Option<&RawValue>) -> Result<PodSnapshot, DecodeError> {
    meta.annotations.remove(LAST_APPLIED);
    let malformed = |part| move |source| DecodeError::Malformed { part, source };
    let uid = PodUid::new(meta.uid.as_deref().ok_or(DecodeError::Missing("metadata.uid"))?);
    let namespace = meta.namespace.as_deref().ok_or(DecodeError::Missing("metadata.namespace"))?;
    let name = meta.name.as_deref().ok_or(DecodeError::Missing("metadata.name"))?;
    let wire_spec: WireSpec = serde_json::from_str(spec.get()).map_err(malformed("spec"))?;
    let wire_status: WireStatus = match status {
        Some(status) => serde_json::from_str(status.get()).map_err(malformed("status"))?,
        None => WireStatus::default(),
    };
    let requests = requests(&wire_spec)?;
    let facts = facts(&meta, wire_spec, requests, &wire_status)?;
    Ok(PodSnapshot {
        uid,
        key: PodKey::new(namespace, name),
        facts: Arc::new(facts),
        raw: raw(&meta, spec, status).map_err(malformed("metadata"))?,
    })
}

fn requests(spec: &WireSpec) -> Result<Requests, DecodeError> {
    let containers = spec.containers.iter().map(WireContainer::requests).collect::<Result<Vec<_>, _>>()?;
    let init = spec.init_containers.iter().map(WireContainer::requests).collect::<Result<Vec<_>, _>>()?;
    let parts = SpecRequests {
        containers: containers.iter().collect(),
        init_containers: spec.init_containers.iter().map(WireContainer::is_sidecar).zip(&init).collect(),
        pod: spec.resources.as_ref().map(|resources| &resources.requests),
        overhead: spec.overhead.as_ref(),
    };
    Requests::of(&parts).map_err(DecodeError::Requests)
}

fn facts(meta: &WireMeta, spec: WireSpec, requests: Requests, status: &WireStatus) -> Result<PodFacts, DecodeError> {
    let seconds = |value: Option<i64>| value.map(|value| u64::try_from(value).unwrap_or(0));
    let statuses = [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    Ok(PodFacts {
        resource_version: meta.resource_version.clone().ok_or(DecodeError::Missing("metadata.resourceVersion"))?,
        generation: meta.generation.unwrap_or(0),
        deletion: meta
            .deletion_timestamp
            .map(|due| Deletion { due, grace_seconds: seconds(meta.deletion_grace_period_seconds).unwrap_or(0) }),
        restart_policy: RestartPolicy::parse(spec.restart_policy.as_deref().unwrap_or_default()),
        grace_seconds: seconds(spec.termination_grace_period_seconds).unwrap_or(DEFAULT_GRACE_SECONDS),
        active_deadline_seconds: seconds(spec.active_deadline_seconds),
        labels: labels(meta),
        annotations: annotations(meta),
        phase: Phase::parse(status.phase.as_deref().unwrap_or_default()),
        observed_generation: status.observed_generation.unwrap_or(0),
        start_time: status.start_time,
        started: statuses.into_iter().flatten().any(WireContainerStatus::has_started),
        requests,
        of_daemon_set: meta.owner_references.as_ref().is_some_and(is_daemon_set),
        handle: meta
            .annotations
            .get(HANDLE_ANNOTATION)
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| Handle::new(bytes).ok()),
        instance: meta.annotations.get(INSTANCE_ANNOTATION).map(|text| BackendInstance::new(text.as_str())),
        containers: containers(spec),
    })
}

/// Whether the controller among these `ownerReferences` is a DaemonSet.
fn is_daemon_set(owners: &serde_json::Value) -> bool {
    let group = |owner: &serde_json::Value| {
        owner["apiVersion"].as_str().and_then(|version| version.split_once('/')).map(|(group, _)| group == "apps")
    };
    let is_one = |owner: &serde_json::Value| {
        owner["controller"] == true && owner["kind"] == "DaemonSet" && group(owner) == Some(true)
    };
    owners.as_array().is_some_and(|owners| owners.iter().any(is_one))
}

fn containers(spec: WireSpec) -> Vec<ContainerFacts> {
    let init = spec.init_containers.into_iter().map(|container| {
        let sidecar = container.is_sidecar();
        (container, if sidecar { ContainerKind::Sidecar } else { ContainerKind::Init })
    });
    let app = spec.containers.into_iter().map(|container| (container, ContainerKind::App));
    let ephemeral = spec.ephemeral_containers.into_iter().map(|container| (container, ContainerKind::Ephemeral));
    init.chain(app)
        .chain(ephemeral)
        .map(|(container, kind)| ContainerFacts {
            name: container.name,
            kind,
            image: container.image.unwrap_or_default(),
            resources: container.resources.map_or(0, |resources| resources_fingerprint(resources.get())),
            restart: match kind {
                ContainerKind::Ephemeral => ContainerRestart::never(),
                _ => ContainerRestart::new(container.restart_policy.as_deref(), &container.restart_policy_rules),
            },
        })
        .collect()
}

fn resources_fingerprint(json: &str) -> u64 {
    if matches!(json, "{}" | "null") { 0 } else { fingerprint_of(json.as_bytes()) }
}

fn labels(meta: &WireMeta) -> u64 {
    let add = |fingerprint: Fingerprint, (key, value): (&String, &String)| {
        fingerprint.field(key.as_bytes()).field(value.as_bytes())
    };
    meta.labels.iter().fold(Fingerprint::new(), add).finish()
}

fn annotations(meta: &WireMeta) -> BTreeMap<AnnotationKey, u64> {
    let foreign = meta.annotations.iter().filter(|(key, _)| *key != HANDLE_ANNOTATION && *key != INSTANCE_ANNOTATION);
    foreign.map(|(key, value)| (AnnotationKey::of(key), fingerprint_of(value.as_bytes()))).collect()
}

fn raw(meta: &WireMeta, spec: &RawValue, status: Option<&RawValue>) -> Result<RawPod, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Whole<'a> {
        api_version: &'static str,
        kind: &'static str,
        metadata: &'a WireMeta,
        spec: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'a RawValue>,
    }
    let whole = Whole { api_version: "v1", kind: "Pod", metadata: meta, spec, status };
    // It is kept as long as the pod, so without the room that it grew in.
    serde_json::to_vec(&whole).map(|json| RawPod::new(json.into_boxed_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(meta: serde_json::Value, spec: &str, status: Option<&str>) -> Result<PodSnapshot, DecodeError> {
        let mut base = serde_json::json!({"name": "web", "namespace": "default", "uid": "u1", "resourceVersion": "7"});
        base.as_object_mut().unwrap().extend(meta.as_object().unwrap().clone());
        let meta: WireMeta = serde_json::from_value(base).unwrap();
        let spec: Box<RawValue> = serde_json::from_str(spec).unwrap();
        let status: Option<Box<RawValue>> = status.map(|status| serde_json::from_str(status).unwrap());
        decode(meta, &spec, status.as_deref())
    }

    const SPEC: &str = r#"{"containers":[{"name":"app","image":"a:1"}],"futureField":{"x":1}}"#;

    #[test]
    fn fields_that_this_build_does_not_know_survive_in_the_raw_pod() {
        let pod = snapshot(serde_json::json!({}), SPEC, None).unwrap();
        let value: serde_json::Value = serde_json::from_slice(pod.raw.as_bytes()).unwrap();
        assert_eq!(value["spec"]["futureField"]["x"], 1);
        assert_eq!(value["metadata"]["uid"], "u1");
        assert_eq!(pod.raw.decode().unwrap().spec.unwrap().containers[0].name, "app");
    }

    #[test]
    fn managed_fields_and_last_applied_are_not_kept() {
        let meta = serde_json::json!({
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {LAST_APPLIED: "{}", "mine": "1"},
        });
        let pod = snapshot(meta, SPEC, None).unwrap();
        let text = String::from_utf8(pod.raw.as_bytes().to_vec()).unwrap();
        assert!(!text.contains("managedFields") && !text.contains("last-applied") && text.contains("mine"));
    }

    #[test]
    fn every_trace_of_a_run_is_evidence_of_a_start() {
        for status in [
            r#"{"containerStatuses":[{"restartCount":0,"state":{"running":{"startedAt":null}}}]}"#,
            r#"{"containerStatuses":[{"restartCount":0,"state":{"terminated":{"exitCode":0}}}]}"#,
            r#"{"containerStatuses":[{"restartCount":0,"state":{"waiting":{}},"lastState":{"terminated":{"exitCode":1}}}]}"#,
            r#"{"initContainerStatuses":[{"restartCount":1,"state":{"waiting":{}}}]}"#,
            r#"{"containerStatuses":[{"restartCount":0,"containerID":"docker://x","state":{"waiting":{}}}]}"#,
        ] {
            assert!(snapshot(serde_json::json!({}), SPEC, Some(status)).unwrap().facts.started, "{status}");
        }
        let waiting = r#"{"phase":"Pending","containerStatuses":[{"restartCount":0,"state":{"waiting":{"reason":"x"}},"lastState":{}}]}"#;
        assert!(!snapshot(serde_json::json!({}), SPEC, Some(waiting)).unwrap().facts.started);
    }

    #[test]
    fn the_handle_survives_its_annotation() {
        let meta = serde_json::json!({"annotations": {HANDLE_ANNOTATION: STANDARD.encode(b"job-17")}});
        let pod = snapshot(meta, SPEC, None).unwrap();
        assert_eq!(pod.facts.handle.as_ref().map(Handle::as_bytes), Some(&b"job-17"[..]));
        let edited = serde_json::json!({"annotations": {HANDLE_ANNOTATION: "?? not base64"}});
        assert_eq!(snapshot(edited, SPEC, None).unwrap().facts.handle, None);
    }

    #[test]
    fn our_own_annotations_are_no_change_of_metadata() {
        let bare = snapshot(serde_json::json!({}), SPEC, None).unwrap();
        let ours = serde_json::json!({"annotations": {INSTANCE_ANNOTATION: "engine"}});
        assert_eq!(bare.facts.annotations, snapshot(ours, SPEC, None).unwrap().facts.annotations);
        let theirs = serde_json::json!({"labels": {"a": "b"}, "annotations": {"c": "d"}});
        let theirs = snapshot(theirs, SPEC, None).unwrap();
        assert_ne!(bare.facts.labels, theirs.facts.labels);
        assert_eq!(theirs.facts.annotations.keys().copied().collect::<Vec<_>>(), [AnnotationKey::of("c")]);
    }

    #[test]
    fn containers_are_listed_with_their_parts() {
        let spec = r#"{"initContainers":[{"name":"setup","image":"i"},{"name":"proxy","restartPolicy":"Always"}],
            "containers":[{"name":"app"}],"ephemeralContainers":null,"restartPolicy":"Never"}"#;
        let pod = snapshot(serde_json::json!({}), spec, None).unwrap();
        let kinds: Vec<_> = pod.facts.containers.iter().map(|c| (c.name.as_str(), c.kind)).collect();
        assert_eq!(
            kinds,
            [("setup", ContainerKind::Init), ("proxy", ContainerKind::Sidecar), ("app", ContainerKind::App)]
        );
        assert_eq!(pod.facts.restart_policy, RestartPolicy::Never);
        assert_eq!(pod.facts.grace_seconds, 30);
    }

    #[test]
    fn resources_that_are_there_and_empty_ask_for_nothing() {
        let spec = r#"{"containers":[{"name":"a","resources":{}},{"name":"b"},{"name":"c","resources":{"limits":{"cpu":"1"}}}]}"#;
        let facts = snapshot(serde_json::json!({}), spec, Some(r#"{"observedGeneration":3}"#)).unwrap().facts;
        let asks: Vec<bool> = facts.containers.iter().map(|container| container.resources != 0).collect();
        assert_eq!((asks, facts.observed_generation), (vec![false, false, true], 3));
    }

    #[test]
    fn requests_are_added_up() {
        let spec = r#"{"initContainers":[{"name":"proxy","restartPolicy":"Always","resources":{"requests":{"cpu":"100m"}}},
            {"name":"setup","resources":{"requests":{"cpu":"1"}}}],"overhead":{"cpu":"50m"},
            "containers":[{"name":"app","resources":{"limits":{"cpu":"9"},"requests":{"cpu":"200m","memory":"1Mi"}}},
            {"name":"bare","resources":{}}]}"#;
        let facts = snapshot(serde_json::json!({}), spec, None).unwrap().facts;
        assert_eq!((facts.requests.cpu_milli, facts.requests.memory), (1150, 1 << 20));
        let odd = r#"{"containers":[{"name":"app","resources":{"requests":{"cpu":"lots"}}}]}"#;
        let error = snapshot(serde_json::json!({}), odd, None).unwrap_err().to_string();
        assert!(error.contains("\"lots\""), "{error}");
    }

    #[test]
    fn a_pod_of_a_daemon_set_is_known_by_its_controller() {
        let owned = |version: &str, kind: &str, controller: bool| {
            let owner = serde_json::json!({"apiVersion": version, "kind": kind, "controller": controller});
            snapshot(serde_json::json!({"ownerReferences": [owner]}), SPEC, None).unwrap().facts.of_daemon_set
        };
        assert!(owned("apps/v1", "DaemonSet", true));
        assert!(!owned("apps/v1", "ReplicaSet", true));
        assert!(!owned("apps/v1", "DaemonSet", false));
        assert!(!owned("apps.kruise.io/v1alpha1", "DaemonSet", true));
        assert!(!snapshot(serde_json::json!({}), SPEC, None).unwrap().facts.of_daemon_set);
    }

    #[test]
    fn a_pod_without_identity_is_an_error_that_names_the_field() {
        let meta: WireMeta = serde_json::from_str(r#"{"name":"x","namespace":"y","resourceVersion":"1"}"#).unwrap();
        let spec: Box<RawValue> = serde_json::from_str(SPEC).unwrap();
        assert_eq!(decode(meta, &spec, None).unwrap_err().to_string(), "the pod has no metadata.uid");
    }
}

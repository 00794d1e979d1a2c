//! Pods (`pkg/registry/core/pod/strategy.go`).

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::defaults::{default_pod, qos_class};
use crate::object::Object;
use crate::patch::{POD, PatchType};
use crate::validation::{validate_new_pod, validate_pod_status_update, validate_pod_update};

/// The strategy of pods.
pub(super) struct Pods;

impl Strategy for Pods {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<Pod>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &POD
    }

    fn default(&self, pod: &mut Object) {
        default_pod(pod);
    }

    fn prepare_create(&self, pod: &mut Object) {
        pod.set("/metadata/generation", 1);
        pod.set("/status", json!({"phase": "Pending", "qosClass": qos_class(pod)}));
        if !pod.items("/spec/schedulingGates").is_empty() {
            let gated = json!({
                "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            });
            pod.set("/status/conditions", json!([gated]));
        }
    }

    fn validate(&self, pod: &Object) -> Vec<FieldError> {
        validate_new_pod(pod)
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/status", old);
        bump_generation(new, old);
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_pod_update(new, old)
    }

    fn prepare_status_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/spec", old);
        new.copy_from("/metadata/deletionTimestamp", old);
        new.copy_from("/metadata/ownerReferences", old);
        if new.text("/status/qosClass").is_empty() {
            new.copy_from("/status/qosClass", old);
        }
        keep_observed_generations(new, old);
    }

    fn validate_status_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_pod_status_update(new, old)
    }

    fn grace(&self, pod: &Object, requested: Option<i64>) -> Option<i64> {
        let wanted = requested.or_else(|| pod.integer("/spec/terminationGracePeriodSeconds")).unwrap_or_default();
        let unscheduled = pod.text("/spec/nodeName").is_empty();
        let finished = matches!(pod.text("/status/phase"), "Failed" | "Succeeded");
        Some(if unscheduled || finished { 0 } else { usable_grace(wanted) })
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

/// Negative periods of grace count as one second.
pub(crate) fn usable_grace(seconds: i64) -> i64 {
    if seconds < 0 { 1 } else { seconds }
}

fn bump_generation(new: &mut Object, old: &Object) {
    if new.at("/spec") != old.at("/spec") {
        new.set("/metadata/generation", old.generation() + 1);
    }
}

/// A writer that does not know `observedGeneration` must not clear it.
fn keep_observed_generations(new: &mut Object, old: &Object) {
    if new.integer("/status/observedGeneration").unwrap_or_default() == 0 {
        new.copy_from("/status/observedGeneration", old);
    }
    let known: Vec<(Value, Value)> = old
        .items("/status/conditions")
        .iter()
        .filter_map(|condition| Some((condition.get("type")?.clone(), condition.get("observedGeneration")?.clone())))
        .collect();
    for condition in new.items_mut("/status/conditions") {
        let Some(fields) = condition.as_object_mut() else { continue };
        if fields.get("observedGeneration").and_then(Value::as_i64).unwrap_or_default() != 0 {
            continue;
        }
        if let Some((_, generation)) = known.iter().find(|(kind, _)| Some(kind) == fields.get("type")) {
            fields.insert("observedGeneration".into(), generation.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: Value) -> Object {
        Object::from_value(value).unwrap()
    }

    #[test]
    fn grace_is_zero_for_unscheduled_and_for_finished_pods() {
        let running =
            json!({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": 30}, "status": {"phase": "Running"}});
        assert_eq!(Pods.grace(&pod(running.clone()), None), Some(30));
        assert_eq!(Pods.grace(&pod(running.clone()), Some(5)), Some(5));
        assert_eq!(Pods.grace(&pod(running), Some(-1)), Some(1));
        let pending = json!({"spec": {"terminationGracePeriodSeconds": 30}});
        assert_eq!(Pods.grace(&pod(pending), Some(5)), Some(0));
        let failed = json!({"spec": {"nodeName": "n"}, "status": {"phase": "Failed"}});
        assert_eq!(Pods.grace(&pod(failed), Some(5)), Some(0));
    }

    #[test]
    fn a_status_write_changes_neither_spec_nor_owners_and_keeps_observed_generations() {
        let old = pod(json!({
            "metadata": {"ownerReferences": [{"uid": "o"}]}, "spec": {"nodeName": "n"},
            "status": {"qosClass": "Burstable", "observedGeneration": 2,
                       "conditions": [{"type": "Ready", "observedGeneration": 2}]},
        }));
        let mut new = pod(json!({
            "metadata": {}, "spec": {"nodeName": "other"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }));
        Pods.prepare_status_update(&mut new, &old);
        assert_eq!(
            new.clone().into_value(),
            json!({
                "metadata": {"ownerReferences": [{"uid": "o"}]}, "spec": {"nodeName": "n"},
                "status": {"qosClass": "Burstable", "observedGeneration": 2,
                           "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}]},
            })
        );
    }
}

//! What may change in a pod's spec after it was created: images, the deadline, more tolerations, fewer gates.

use serde_json::Value;

use super::validate_pod_spec;
use crate::api_error::FieldError;
use crate::object::Object;

const MUTABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What is wrong with the change of a pod's spec.
pub(crate) fn validate_pod_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = validate_pod_spec(new);
    for field in ["containers", "initContainers"] {
        let pointer = format!("/spec/{field}");
        if new.items(&pointer).len() != old.items(&pointer).len() {
            let path = format!("spec.{field}");
            errors.push(FieldError::forbidden(path, "pod updates may not add or remove containers"));
            return errors;
        }
    }
    errors.extend(deadline(new, old));
    errors.extend(tolerations(new, old));
    errors.extend(gates(new, old));
    if comparable(new, old) != comparable(old, old) {
        errors.push(FieldError::forbidden("spec", MUTABLE));
    }
    errors
}

/// What is wrong with a pod after ephemeral containers were added: none may change or go.
pub(crate) fn validate_ephemeral_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = validate_pod_spec(new);
    let name = |container: &Value| container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let after = new.items("/spec/ephemeralContainers");
    for before in old.items("/spec/ephemeralContainers") {
        let own = name(before);
        let what = match after.iter().find(|container| name(container) == own) {
            None => "removed",
            Some(now) if now != before => "changed",
            Some(_) => continue,
        };
        let detail = format!("existing ephemeral containers {own:?} may not be {what}");
        errors.push(FieldError::forbidden("spec.ephemeralContainers", &detail));
    }
    errors
}

fn deadline(new: &Object, old: &Object) -> Option<FieldError> {
    const PATH: &str = "spec.activeDeadlineSeconds";
    match (old.integer("/spec/activeDeadlineSeconds"), new.integer("/spec/activeDeadlineSeconds")) {
        (Some(before), Some(after)) if after > before => {
            Some(FieldError::invalid(PATH, after, "must be less than or equal to previous value"))
        }
        (Some(_), None) => {
            Some(FieldError::invalid(PATH, Value::Null, "must not update from a positive integer to nil value"))
        }
        _ => None,
    }
}

fn tolerations(new: &Object, old: &Object) -> Option<FieldError> {
    let after = new.items("/spec/tolerations");
    // Only the time of a toleration may change; what it tolerates may not.
    let without_time = |toleration: &Value| {
        let mut toleration = toleration.clone();
        if let Some(fields) = toleration.as_object_mut() {
            fields.remove("tolerationSeconds");
        }
        toleration
    };
    let lost = old
        .items("/spec/tolerations")
        .iter()
        .any(|before| !after.iter().any(|now| without_time(now) == without_time(before)));
    lost.then(|| {
        FieldError::forbidden(
            "spec.tolerations",
            "existing toleration can not be modified except its tolerationSeconds",
        )
    })
}

fn gates(new: &Object, old: &Object) -> Option<FieldError> {
    let before = old.items("/spec/schedulingGates");
    let added = new.items("/spec/schedulingGates").iter().any(|gate| !before.contains(gate));
    added.then(|| {
        FieldError::forbidden("spec.schedulingGates", "only deletion is allowed, but found new scheduling gates")
    })
}

/// The spec with everything mutable taken from `old`.
fn comparable(pod: &Object, old: &Object) -> Object {
    let mut spec = Object::default();
    spec.copy_from("/spec", pod);
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates", "ephemeralContainers"] {
        spec.copy_from(&format!("/spec/{field}"), old);
    }
    for field in ["containers", "initContainers"] {
        for container in spec.items_mut(&format!("/spec/{field}")) {
            if let Some(fields) = container.as_object_mut() {
                fields.remove("image");
            }
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: Value) -> Object {
        let mut pod = Object::from_value(json!({"spec": spec})).unwrap();
        crate::defaults::default_pod(&mut pod);
        pod
    }

    fn errors_of(new: Value, old: Value) -> usize {
        validate_pod_update(&pod(new), &pod(old)).len()
    }

    fn with(extra: Value) -> Value {
        let mut spec = json!({"containers": [{"name": "c", "image": "i"}]});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        spec
    }

    #[test]
    fn an_image_may_change_and_a_command_may_not() {
        let old = with(json!({}));
        let image = json!({"containers": [{"name": "c", "image": "other:1", "imagePullPolicy": "Always"}]});
        assert_eq!(errors_of(image, old.clone()), 0);
        let command = json!({"containers": [{"name": "c", "image": "i", "command": ["x"]}]});
        assert_eq!(errors_of(command, old.clone()), 1);
        assert_eq!(errors_of(with(json!({"nodeName": "n"})), old), 1);
    }

    #[test]
    fn a_deadline_may_come_nearer_only() {
        let deadline = |seconds: i64| with(json!({"activeDeadlineSeconds": seconds}));
        assert_eq!(errors_of(deadline(5), deadline(10)), 0);
        assert_eq!(errors_of(deadline(10), deadline(5)), 1);
        assert_eq!(errors_of(with(json!({})), deadline(5)), 1);
        assert_eq!(errors_of(deadline(5), with(json!({}))), 0);
    }

    #[test]
    fn tolerations_are_only_added() {
        let one = with(json!({"tolerations": [{"key": "a", "operator": "Exists"}]}));
        let two =
            with(json!({"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}]}));
        assert_eq!(errors_of(two.clone(), one.clone()), 0);
        assert_eq!(errors_of(one, two), 1);
    }
}

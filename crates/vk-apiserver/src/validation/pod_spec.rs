//! New pods: what the server refuses before a kubelet ever sees it.

mod containers;
mod environment;
mod handlers;
mod placement;
mod resources;
mod volumes;

use std::collections::BTreeSet;

use serde_json::Value;

use super::name_is_dns_subdomain;
use crate::api_error::FieldError;
use crate::object::Object;
use containers::{Kind, validate_container};
use placement::validate_placement;
use volumes::validate_volumes;

/// What is wrong with a pod's spec.
pub(crate) fn validate_pod_spec(pod: &Object) -> Vec<FieldError> {
    validate_spec(pod, "spec")
}

/// What is wrong with the spec of a new pod.
pub(crate) fn validate_new_pod(pod: &Object) -> Vec<FieldError> {
    let mut errors = validate_spec(pod, "spec");
    if !pod.items("/spec/ephemeralContainers").is_empty() {
        errors.push(FieldError::forbidden("spec.ephemeralContainers", "cannot be set on create"));
    }
    if !pod.items("/spec/schedulingGates").is_empty() && !pod.text("/spec/nodeName").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.push(FieldError::forbidden("spec.nodeName", detail));
    }
    errors
}

/// What is wrong with the template of a pod, which stands at `pointer` and is called `path`.
pub(crate) fn validate_pod_template(object: &Object, pointer: &str, path: &str) -> Vec<FieldError> {
    let mut pod = Object::default();
    pod.set_or_remove("/spec", object.at(&format!("{pointer}/spec")).cloned());
    validate_spec(&pod, &format!("{path}.spec"))
}

fn validate_spec(pod: &Object, spec: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let volumes = validate_volumes(pod, spec, &mut errors);
    let mut names = BTreeSet::new();
    if pod.items("/spec/containers").is_empty() {
        errors.push(FieldError::required(format!("{spec}.containers"), ""));
    }
    for kind in [Kind::Main, Kind::Init, Kind::Ephemeral] {
        for (index, container) in pod.items(&format!("/spec/{}", kind.field())).iter().enumerate() {
            let path = format!("{spec}.{}[{index}]", kind.field());
            let name = text(container, "name");
            validate_container(pod, container, kind, &path, &volumes, &mut errors);
            if !name.is_empty() && !names.insert(name.to_owned()) {
                errors.push(FieldError::duplicate(format!("{path}.name"), name));
            }
        }
    }
    validate_policies(pod, spec, &mut errors);
    validate_placement(pod, spec, &mut errors);
    let node = pod.text("/spec/nodeName");
    if let Some(error) = name_is_dns_subdomain(node).filter(|_| !node.is_empty()) {
        errors.push(FieldError::invalid(format!("{spec}.nodeName"), node, &error));
    }
    errors
}

fn validate_policies(pod: &Object, spec: &str, errors: &mut Vec<FieldError>) {
    const RESTART: [&str; 3] = ["Always", "OnFailure", "Never"];
    const DNS: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    for (field, supported) in [("restartPolicy", &RESTART[..]), ("dnsPolicy", &DNS[..])] {
        let value = pod.text(&format!("/spec/{field}"));
        if !supported.contains(&value) {
            errors.push(FieldError::not_supported(format!("{spec}.{field}"), value, supported));
        }
    }
    if let Some(deadline) = pod.integer("/spec/activeDeadlineSeconds")
        && !(1..=i64::from(i32::MAX)).contains(&deadline)
    {
        let detail = "must be between 1 and 2147483647, inclusive";
        errors.push(FieldError::invalid(format!("{spec}.activeDeadlineSeconds"), deadline, detail));
    }
    let system = pod.text("/spec/os/name");
    if !matches!(system, "" | "linux" | "windows") {
        errors.push(FieldError::not_supported(format!("{spec}.os"), system, &["linux", "windows"]));
    }
    if pod.flag("/spec/shareProcessNamespace") && pod.flag("/spec/hostPID") {
        let path = format!("{spec}.securityContext.shareProcessNamespace");
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(FieldError::invalid(path, true, detail));
    }
    user_id(pod.at("/spec/securityContext"), &format!("{spec}.securityContext"), errors);
    for (index, sysctl) in pod.items("/spec/securityContext/sysctls").iter().enumerate() {
        let name = text(sysctl, "name");
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_./".contains(&byte);
        if name.is_empty() || !name.bytes().all(allowed) {
            let detail = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.push(FieldError::invalid(format!("{spec}.securityContext.sysctls[{index}].name"), name, detail));
        }
    }
}

fn user_id(context: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
    for field in ["runAsUser", "runAsGroup"] {
        let id = context.and_then(|context| context.get(field)).and_then(Value::as_i64);
        if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
            let detail = "must be between 0 and 2147483647, inclusive";
            errors.push(FieldError::invalid(format!("{path}.{field}"), id, detail));
        }
    }
}

fn text<'value>(value: &'value Value, field: &str) -> &'value str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'value>(value: &'value Value, field: &str) -> &'value [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn integer(value: &Value, field: &str) -> Option<i64> {
    value.get(field).and_then(Value::as_i64)
}

/// The fields of these that an object has.
fn present<'name>(value: &Value, fields: &[&'name str]) -> Vec<&'name str> {
    fields.iter().copied().filter(|field| value.get(field).is_some_and(|found| !found.is_null())).collect()
}

/// Refuses paths that lead out of where they begin.
fn relative_path(path: &str, at: &str, errors: &mut Vec<FieldError>) {
    if path.starts_with('/') {
        errors.push(FieldError::invalid(at, path, "must be a relative path"));
    }
    no_way_back(path, at, errors);
}

fn no_way_back(path: &str, at: &str, errors: &mut Vec<FieldError>) {
    if path.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(at, path, "must not contain '..'"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors_of(spec: Value) -> Vec<String> {
        let mut pod = Object::from_value(json!({"spec": spec})).unwrap();
        crate::defaults::default_pod(&mut pod);
        validate_pod_spec(&pod).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_minimal_pod_is_good() {
        assert_eq!(errors_of(json!({"containers": [{"name": "c", "image": "i"}]})), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_named_by_its_field() {
        let errors = errors_of(json!({
            "restartPolicy": "Sometimes",
            "containers": [
                {"name": "c", "image": "i", "volumeMounts": [{"name": "none", "mountPath": "/x"}]},
                {"name": "c", "image": ""},
            ],
            "volumes": [{"name": "v"}, {"name": "V", "emptyDir": {}}],
        }));
        let paths: Vec<&str> = errors.iter().filter_map(|error| error.split(": ").next()).collect();
        assert_eq!(
            paths,
            [
                "spec.volumes[1].name",
                "spec.containers[0].volumeMounts[0].name",
                "spec.containers[1].image",
                "spec.containers[1].name",
                "spec.restartPolicy",
            ]
        );
    }

    #[test]
    fn a_pod_without_containers_is_refused() {
        assert_eq!(errors_of(json!({})), ["spec.containers: Required value"]);
    }
}

//! New pods: what the server refuses before a kubelet ever sees it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{name_is_dns_label, name_is_dns_subdomain};
use crate::api_error::FieldError;
use crate::object::Object;

/// What is wrong with a pod's spec.
pub(crate) fn validate_pod_spec(pod: &Object) -> Vec<FieldError> {
    validate_spec(pod, "spec")
}

/// What is wrong with the template of a pod, which stands at `pointer` and is called `path`.
pub(crate) fn validate_pod_template(object: &Object, pointer: &str, path: &str) -> Vec<FieldError> {
    let mut pod = Object::default();
    pod.set_or_remove("/spec", object.at(&format!("{pointer}/spec")).cloned());
    validate_spec(&pod, &format!("{path}.spec"))
}

fn validate_spec(pod: &Object, spec: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let volumes = volumes(pod, spec, &mut errors);
    let mut names = BTreeSet::new();
    if pod.items("/spec/containers").is_empty() {
        errors.push(FieldError::required(format!("{spec}.containers"), ""));
    }
    for field in ["containers", "initContainers", "ephemeralContainers"] {
        for (index, container) in pod.items(&format!("/spec/{field}")).iter().enumerate() {
            let path = format!("{spec}.{field}[{index}]");
            let name = text(container, "name");
            validate_container(container, &path, &volumes, &mut errors);
            if !name.is_empty() && !names.insert(name.to_owned()) {
                errors.push(FieldError::duplicate(format!("{path}.name"), name));
            }
        }
    }
    validate_policies(pod, spec, &mut errors);
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
}

fn volumes(pod: &Object, spec: &str, errors: &mut Vec<FieldError>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (index, volume) in pod.items("/spec/volumes").iter().enumerate() {
        let path = format!("{spec}.volumes[{index}]");
        let name = text(volume, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if let Some(error) = name_is_dns_label(name) {
            errors.push(FieldError::invalid(format!("{path}.name"), name, &error));
        } else if !names.insert(name.to_owned()) {
            errors.push(FieldError::duplicate(format!("{path}.name"), name));
        }
        let sources: Vec<&String> =
            volume.as_object().into_iter().flat_map(|fields| fields.keys()).filter(|field| *field != "name").collect();
        if let [_, second, ..] = sources.as_slice() {
            let path = format!("{path}.{second}");
            errors.push(FieldError::forbidden(path, "may not specify more than 1 volume type"));
        }
    }
    names
}

fn validate_container(container: &Value, path: &str, volumes: &BTreeSet<String>, errors: &mut Vec<FieldError>) {
    let name = text(container, "name");
    if name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    } else if let Some(error) = name_is_dns_label(name) {
        errors.push(FieldError::invalid(format!("{path}.name"), name, &error));
    }
    if text(container, "image").is_empty() {
        errors.push(FieldError::required(format!("{path}.image"), ""));
    }
    const PULL: [&str; 3] = ["Always", "IfNotPresent", "Never"];
    let pull = text(container, "imagePullPolicy");
    if !PULL.contains(&pull) {
        errors.push(FieldError::not_supported(format!("{path}.imagePullPolicy"), pull, &PULL));
    }
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        let mount_path = format!("{path}.volumeMounts[{index}]");
        if !volumes.contains(text(mount, "name")) {
            errors.push(FieldError::not_found(format!("{mount_path}.name"), text(mount, "name")));
        }
        if text(mount, "mountPath").is_empty() {
            errors.push(FieldError::required(format!("{mount_path}.mountPath"), ""));
        }
    }
    for (index, port) in list(container, "ports").iter().enumerate() {
        let number = port.get("containerPort").and_then(Value::as_i64).unwrap_or_default();
        if !(1..=65535).contains(&number) {
            let port_path = format!("{path}.ports[{index}].containerPort");
            errors.push(FieldError::invalid(port_path, number, "must be between 1 and 65535, inclusive"));
        }
    }
    for (index, variable) in list(container, "env").iter().enumerate() {
        if text(variable, "name").is_empty() {
            errors.push(FieldError::required(format!("{path}.env[{index}].name"), ""));
        }
        let value_and_source =
            variable.get("valueFrom").is_some_and(|source| !source.is_null()) && !text(variable, "value").is_empty();
        if value_and_source {
            let detail = "may not be specified when `value` is not empty";
            errors.push(FieldError::invalid(format!("{path}.env[{index}].valueFrom"), "", detail));
        }
    }
}

fn text<'value>(value: &'value Value, field: &str) -> &'value str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'value>(value: &'value Value, field: &str) -> &'value [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
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

//! Containers and their probes.

use serde_json::{Map, Value, json};

/// Fills in what a container leaves out.
pub(super) fn default_container(container: &mut Map<String, Value>, host_network: bool) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default().to_owned();
    set_default(container, "imagePullPolicy", pull_policy(&image).into());
    set_default(container, "terminationMessagePath", "/dev/termination-log".into());
    set_default(container, "terminationMessagePolicy", "File".into());
    set_default(container, "resources", json!({}));
    for port in objects(container, "ports") {
        set_default(port, "protocol", "TCP".into());
        if host_network && let Some(number) = port.get("containerPort").cloned() {
            set_default(port, "hostPort", number);
        }
    }
    for variable in objects(container, "env") {
        if let Some(field) =
            variable.get_mut("valueFrom").and_then(|source| source.get_mut("fieldRef")).and_then(Value::as_object_mut)
        {
            set_default(field, "apiVersion", "v1".into());
        }
        if let Some(Value::Object(reference)) =
            variable.get_mut("valueFrom").and_then(|source| source.get_mut("resourceFieldRef"))
        {
            set_default(reference, "divisor", "0".into());
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(Value::Object(probe)) = container.get_mut(probe) {
            default_probe(probe);
        }
    }
}

/// `latest` and no tag at all are always pulled; a digest or another tag only if it is not there.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or_default();
    if image.contains('@') {
        return "IfNotPresent";
    }
    match name.split_once(':') {
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

/// What is limited is requested, unless the container says otherwise.
pub(super) fn requests_from_limits(container: &mut Map<String, Value>) {
    let Some(Value::Object(resources)) = container.get_mut("resources") else { return };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    let requests = resources.entry("requests").or_insert_with(|| json!({}));
    if let Value::Object(requests) = requests {
        for (name, quantity) in limits {
            requests.entry(name).or_insert(quantity);
        }
    }
}

fn default_probe(probe: &mut Map<String, Value>) {
    for (field, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        set_default(probe, field, value.into());
    }
    if let Some(Value::Object(get)) = probe.get_mut("httpGet") {
        set_default(get, "path", "/".into());
        set_default(get, "scheme", "HTTP".into());
    }
    if let Some(Value::Object(grpc)) = probe.get_mut("grpc") {
        set_default(grpc, "service", "".into());
    }
}

pub(super) fn set_default(map: &mut Map<String, Value>, field: &str, value: Value) {
    let slot = map.entry(field).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value;
    }
}

pub(super) fn objects<'map>(
    map: &'map mut Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = &'map mut Map<String, Value>> {
    map.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policies_follow_the_tag() {
        for (image, policy) in [
            ("busybox", "Always"),
            ("busybox:latest", "Always"),
            ("busybox:1.36", "IfNotPresent"),
            ("registry:5000/a/busybox", "Always"),
            ("busybox@sha256:00", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn limits_become_requests_that_are_missing() {
        let mut container =
            json!({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}})
                .as_object()
                .unwrap()
                .clone();
        requests_from_limits(&mut container);
        assert_eq!(container["resources"]["requests"], json!({"cpu": "500m", "memory": "1Gi"}));
    }
}

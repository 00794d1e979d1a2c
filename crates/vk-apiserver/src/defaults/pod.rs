//! Pods, as a kubelet sees them.

use serde_json::{Value, json};

use super::containers::{default_container, requests_from_limits};
use super::volumes::default_volume;
use super::zero_values;
use crate::object::Object;

/// Fills in what a pod leaves out.
pub(crate) fn default_pod(pod: &mut Object) {
    default_spec(pod);
    pod.set_default("/spec/enableServiceLinks", true);
    for pointer in CONTAINER_LISTS {
        for container in pod.items_mut(pointer) {
            if let Value::Object(fields) = container {
                requests_from_limits(fields);
            }
        }
    }
    address_lists(pod);
    zero_values::of_pod(pod);
}

/// Fills in what the template of a pod leaves out; the rest is filled in when a pod is made of it.
pub(crate) fn default_pod_template(object: &mut Object, pointer: &str) {
    let mut template = Object::default();
    template.set_or_remove("/spec", object.at(&format!("{pointer}/spec")).cloned());
    default_spec(&mut template);
    object.set_or_remove(&format!("{pointer}/spec"), template.remove("/spec"));
}

const CONTAINER_LISTS: [&str; 3] = ["/spec/containers", "/spec/initContainers", "/spec/ephemeralContainers"];

fn default_spec(pod: &mut Object) {
    for (pointer, value) in [
        ("/spec/restartPolicy", json!("Always")),
        ("/spec/dnsPolicy", json!("ClusterFirst")),
        ("/spec/terminationGracePeriodSeconds", json!(30)),
        ("/spec/schedulerName", json!("default-scheduler")),
        ("/spec/securityContext", json!({})),
    ] {
        if pod.at(pointer).is_none_or(|own| own == "") {
            pod.set(pointer, value);
        }
    }
    if pod.integer("/spec/terminationGracePeriodSeconds").is_some_and(|grace| grace < 0) {
        pod.set("/spec/terminationGracePeriodSeconds", 1);
    }
    let host_network = pod.flag("/spec/hostNetwork");
    for pointer in CONTAINER_LISTS {
        for container in pod.items_mut(pointer) {
            if let Value::Object(fields) = container {
                default_container(fields, host_network);
            }
        }
    }
    for volume in pod.items_mut("/spec/volumes") {
        if let Value::Object(fields) = volume {
            default_volume(fields);
        }
    }
    service_account_alias(pod);
}

/// `spec.serviceAccount` is an old alias of `spec.serviceAccountName`.
fn service_account_alias(pod: &mut Object) {
    let name = match pod.text("/spec/serviceAccountName") {
        "" => pod.text("/spec/serviceAccount").to_owned(),
        name => name.to_owned(),
    };
    if !name.is_empty() {
        pod.set("/spec/serviceAccountName", name.clone());
        pod.set("/spec/serviceAccount", name);
    }
}

/// `podIP` and `podIPs` say the same thing; where they differ `podIP` is right (`Convert_v1_PodStatus_To_core_PodStatus`).
fn address_lists(pod: &mut Object) {
    let single = pod.text("/status/podIP").to_owned();
    let first = pod.items("/status/podIPs").first().and_then(|entry| entry.get("ip")).and_then(Value::as_str);
    match (single.as_str(), first.map(ToOwned::to_owned)) {
        ("", Some(first)) => pod.set("/status/podIP", first),
        ("", None) => {}
        (single, Some(first)) if single == first => {}
        (single, _) => pod.set("/status/podIPs", json!([{"ip": single}])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaulted(value: Value) -> Object {
        let mut pod = Object::from_value(value).unwrap();
        default_pod(&mut pod);
        pod
    }

    #[test]
    fn a_minimal_pod_gets_what_a_kubelet_expects() {
        let pod = defaulted(json!({"spec": {"containers": [{"name": "c", "image": "busybox"}]}}));
        assert_eq!(pod.text("/spec/restartPolicy"), "Always");
        assert_eq!(pod.integer("/spec/terminationGracePeriodSeconds"), Some(30));
        assert_eq!(pod.text("/spec/containers/0/imagePullPolicy"), "Always");
        assert_eq!(pod.text("/spec/containers/0/terminationMessagePath"), "/dev/termination-log");
        assert_eq!(pod.at("/spec/containers/0/resources"), Some(&json!({})));
    }

    #[test]
    fn the_single_pod_ip_wins_over_a_list_that_differs() {
        let pod = defaulted(json!({"status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}]}}));
        assert_eq!(pod.at("/status/podIPs"), Some(&json!([{"ip": "10.0.0.1"}])));
        let listed = defaulted(json!({"status": {"podIPs": [{"ip": "10.0.0.2"}]}}));
        assert_eq!(listed.text("/status/podIP"), "10.0.0.2");
    }
}

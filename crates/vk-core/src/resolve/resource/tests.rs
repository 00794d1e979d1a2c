use serde_json::{Value, json};

use super::*;
use crate::resolve::container::containers;
use crate::resolve::tests::{node, pod_with};

fn pod() -> Pod {
    let limits = json!({"cpu": "1500m", "memory": "64Mi", "hugepages-2Mi": "4Mi"});
    pod_with(&json!({
        "initContainers": [{"name": "first"}],
        "containers": [
            {"name": "web", "resources": {"limits": limits, "requests": {"cpu": "250m", "memory": "1M"}}},
            {"name": "free", "resources": {"limits": {"cpu": "0"}}},
        ],
        "ephemeralContainers": [{"name": "debug"}],
    }))
}

fn selector(resource: &str, divisor: Value, container: &str) -> ResourceFieldSelector {
    serde_json::from_value(json!({"resource": resource, "divisor": divisor, "containerName": container})).unwrap()
}

fn in_container(own: &str, resource: &str, divisor: Value, other: &str) -> Result<String, ResolveError> {
    let pod = pod();
    let own = containers(&pod).find(|container| container.name == own).unwrap();
    variable(&selector(resource, divisor, other), "env", &own, &pod, &node())
}

/// As the kubelet of 1.36 answers for these resources on a node with 4 CPUs and 8 GiB.
#[test]
fn amounts_are_divided_and_rounded_up() {
    for (own, resource, divisor, expected) in [
        ("web", "limits.cpu", json!(null), "2"),
        ("web", "limits.cpu", json!("0"), "2"),
        ("web", "limits.cpu", json!("1"), "2"),
        ("web", "limits.cpu", json!("1m"), "1500"),
        ("web", "requests.cpu", json!("1"), "1"),
        ("web", "requests.cpu", json!("1m"), "250"),
        ("web", "limits.memory", json!(null), "67108864"),
        ("web", "limits.memory", json!("1Mi"), "64"),
        ("web", "limits.memory", json!("1Gi"), "1"),
        ("web", "limits.memory", json!("1M"), "68"),
        ("web", "requests.memory", json!("1Ki"), "977"),
        ("web", "limits.hugepages-2Mi", json!("1Mi"), "4"),
        ("web", "requests.hugepages-2Mi", json!("1"), "0"),
        ("web", "limits.ephemeral-storage", json!("1Gi"), "100"),
        ("web", "requests.ephemeral-storage", json!("1"), "0"),
        ("free", "limits.cpu", json!("1"), "4"),
        ("free", "limits.memory", json!("1Gi"), "8"),
        ("free", "requests.cpu", json!("1"), "0"),
        ("free", "limits.hugepages-2Mi", json!("1"), "0"),
        ("first", "limits.cpu", json!("1"), "4"),
    ] {
        assert_eq!(
            in_container(own, resource, divisor.clone(), ""),
            Ok(expected.to_owned()),
            "{own} {resource} {divisor}"
        );
    }
}

#[test]
fn another_container_can_be_named() {
    assert_eq!(in_container("free", "limits.cpu", json!("1m"), "web"), Ok("1500".to_owned()));
    assert_eq!(in_container("web", "limits.cpu", json!("1"), "free"), Ok("4".to_owned()));
    // The kubelet fills in limits of app containers only.
    assert_eq!(in_container("web", "limits.cpu", json!("1"), "first"), Ok("0".to_owned()));
    let of_file = |container| file(&selector("limits.cpu", json!("1"), container), "item", &pod(), &node());
    assert_eq!(of_file("first"), Ok("4".to_owned()));
    assert_eq!(of_file("web"), Ok("2".to_owned()));
}

#[test]
fn limits_of_the_pod_go_before_those_of_the_node() {
    let mut pod = pod();
    let limits = json!({"limits": {"cpu": "3", "ephemeral-storage": "1Gi", "memory": "0"}});
    pod.spec.as_mut().unwrap().resources = serde_json::from_value(limits).unwrap();
    let own = containers(&pod).find(|container| container.name == "free").unwrap();
    let value = |resource, divisor| variable(&selector(resource, json!(divisor), ""), "env", &own, &pod, &node());
    assert_eq!(value("limits.cpu", "1"), Ok("3".to_owned()));
    assert_eq!(value("limits.memory", "1Gi"), Ok("8".to_owned()));
    assert_eq!(value("limits.ephemeral-storage", "1Gi"), Ok("100".to_owned()));
    assert_eq!(file(&selector("limits.cpu", json!("1"), "free"), "item", &pod, &node()), Ok("4".to_owned()));
}

#[test]
fn what_makes_no_sense_is_refused_by_field() {
    for (resource, divisor, container, path) in [
        ("limits.nvidia.com/gpu", "1", "", "env.resource"),
        ("cpu", "1", "", "env.resource"),
        ("maximum.cpu", "1", "", "env.resource"),
        ("limits.cpu", "one", "", "env.divisor"),
        ("limits.cpu", "1", "none", "env.containerName"),
        ("limits.cpu", "1", "debug", "env.containerName"),
    ] {
        let result = in_container("web", resource, json!(divisor), container);
        let Err(ResolveError::Invalid { field, .. }) = result else { panic!("{resource}: {result:?}") };
        assert_eq!(field, path, "{resource}");
    }
    assert!(file(&selector("limits.cpu", json!("1"), ""), "item", &pod(), &node()).is_err());
}

#[test]
fn division_rounds_up_and_never_divides_by_nothing() {
    for (amount, divisor, expected) in [(0, 1, 0), (1, 1, 1), (1, 2, 1), (3, 2, 2), (4, 2, 2), (5, 0, 5), (-3, 2, -1)] {
        assert_eq!(divide_rounding_up(amount, divisor), expected, "{amount}/{divisor}");
    }
    assert_eq!(divide_rounding_up(i64::MAX, 2), i64::MAX / 2 + 1);
}

//! What pods request of a node (Kubernetes documentation, "Resource Management for Pods and Containers").

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::Object;
use crate::quantity::Quantity;

/// Amounts by resource.
type Amounts = BTreeMap<String, Quantity>;

/// What the pods of one node take.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    pods: usize,
    requested: Amounts,
}

impl Load {
    pub(super) fn of<'pod>(pods: impl Iterator<Item = &'pod Object>) -> Self {
        let mut load = Self::default();
        for pod in pods {
            load.pods += 1;
            add(&mut load.requested, &requests_of(pod));
        }
        load
    }

    pub(super) fn pods(&self) -> usize {
        self.pods
    }

    /// What there is too little of for one more pod, in the words of the plugin NodeResourcesFit; nothing if it fits.
    pub(super) fn shortages(&self, pod: &Object, node: &Object) -> Vec<String> {
        let allocatable = node.strings("/status/allocatable");
        let limit = |resource: &str| allocatable.get(resource).and_then(|text| Quantity::parse(text));
        let count = allocatable.get("pods").and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
        let fits = |resource: &str, wanted: Quantity| {
            let taken = self.requested.get(resource).copied().unwrap_or(Quantity::ZERO);
            wanted <= Quantity::ZERO || limit(resource).is_some_and(|limit| taken.plus(wanted) <= limit)
        };
        let too_many = (self.pods >= count).then(|| "Too many pods".to_owned());
        let requests = requests_of(pod).into_iter().filter(|(resource, wanted)| !fits(resource, *wanted));
        too_many.into_iter().chain(requests.map(|(resource, _)| format!("Insufficient {resource}"))).collect()
    }
}

/// Containers and sidecars run beside each other; other init containers run alone, so only the largest counts.
fn requests_of(pod: &Object) -> Amounts {
    let mut together = Amounts::new();
    for container in pod.items("/spec/containers") {
        add(&mut together, &requests(container));
    }
    let mut largest = Amounts::new();
    for container in pod.items("/spec/initContainers") {
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            add(&mut together, &requests(container));
        } else {
            keep_larger(&mut largest, requests(container));
        }
    }
    keep_larger(&mut together, largest);
    together
}

fn requests(container: &Value) -> Amounts {
    let requests = container.pointer("/resources/requests").and_then(Value::as_object);
    let amount = |(name, text): (&String, &Value)| Some((name.clone(), Quantity::parse(text.as_str()?)?));
    requests.into_iter().flatten().filter_map(amount).collect()
}

fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let entry = sum.entry(name.clone()).or_insert(Quantity::ZERO);
        *entry = entry.plus(*amount);
    }
}

fn keep_larger(amounts: &mut Amounts, others: Amounts) {
    for (name, amount) in others {
        let entry = amounts.entry(name).or_insert(Quantity::ZERO);
        *entry = (*entry).max(amount);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(cpu: &str) -> Value {
        json!({"resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn the_largest_init_container_counts_where_it_is_more_than_the_rest() {
        let mut sidecar = container("500m");
        sidecar["restartPolicy"] = "Always".into();
        let pod = |init: Value| {
            let spec = json!({"containers": [container("1"), container("1")], "initContainers": [init, sidecar]});
            Object::from_value(json!({ "spec": spec })).unwrap()
        };
        let cpu = |init: &str| requests_of(&pod(container(init))).get("cpu").copied();
        assert_eq!(cpu("1"), Quantity::parse("2500m"));
        assert_eq!(cpu("3"), Quantity::parse("3"));
    }

    #[test]
    fn what_a_node_does_not_have_does_not_fit() {
        let node = Object::from_value(json!({"status": {"allocatable": {"pods": "2", "cpu": "2"}}})).unwrap();
        let pod = |cpu: &str| Object::from_value(json!({"spec": {"containers": [container(cpu)]}})).unwrap();
        let one = pod("1500m");
        let load = Load::of([&one].into_iter());
        assert!(load.shortages(&pod("500m"), &node).is_empty());
        assert_eq!(load.shortages(&pod("501m"), &node), ["Insufficient cpu"]);
        assert_eq!(Load::of([&one, &one].into_iter()).shortages(&pod("0"), &node), ["Too many pods"]);
        let other = json!({"spec": {"containers": [{"resources": {"requests": {"example.com/gpu": "1"}}}]}});
        let other = Object::from_value(other).unwrap();
        assert_eq!(Load::default().shortages(&other, &node), ["Insufficient example.com/gpu"]);
    }
}

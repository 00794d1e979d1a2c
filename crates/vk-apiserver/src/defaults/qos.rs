//! The QoS class (Kubernetes documentation, "Pod Quality of Service Classes").

use serde_json::Value;

use crate::object::Object;

/// The class of a pod whose requests were already defaulted from its limits.
pub(crate) fn qos_class(pod: &Object) -> &'static str {
    let mut any = false;
    let mut guaranteed = true;
    let containers = pod.items("/spec/containers").iter().chain(pod.items("/spec/initContainers"));
    for container in containers {
        for resource in ["cpu", "memory"] {
            let amount = |kind: &str| {
                container
                    .pointer(&format!("/resources/{kind}/{resource}"))
                    .and_then(Value::as_str)
                    .filter(|quantity| !matches!(*quantity, "0" | ""))
            };
            let (request, limit) = (amount("requests"), amount("limits"));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request.is_none_or(|request| Some(request) == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(resources: Value) -> &'static str {
        qos_class(&Object::from_value(json!({"spec": {"containers": [{"resources": resources}]}})).unwrap())
    }

    #[test]
    fn the_three_classes() {
        assert_eq!(class(json!({})), "BestEffort");
        assert_eq!(class(json!({"requests": {"cpu": "1"}})), "Burstable");
        let full = json!({"cpu": "1", "memory": "1Gi"});
        assert_eq!(class(json!({"requests": full, "limits": full})), "Guaranteed");
        assert_eq!(class(json!({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": full})), "Burstable");
    }
}

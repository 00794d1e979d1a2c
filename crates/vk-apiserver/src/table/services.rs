//! Services and their Endpoints.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::age::age;
use super::{Column, Printer, or, or_none, text};
use crate::object::Object;

/// How many endpoints are shown.
const SHOWN: usize = 3;

pub(crate) static SERVICES: Printer = Printer::new(
    &[
        Column::name(),
        Column::new("Type", "How the service is exposed."),
        Column::new("Cluster-IP", "Its address inside the cluster."),
        Column::new("External-IP", "Its addresses outside the cluster."),
        Column::new("Port(s)", "Its ports."),
        Column::age(),
        Column::wide("Selector", "Which pods answer for it."),
    ],
    service,
);

pub(crate) static ENDPOINTS: Printer = Printer::new(
    &[Column::name(), Column::new("Endpoints", "The first addresses behind the service."), Column::age()],
    |endpoints, now| vec![endpoints.name().into(), addresses(endpoints).into(), age(endpoints, now).into()],
);

fn service(service: &Object, now: Timestamp) -> Vec<Value> {
    let selector: Vec<String> =
        service.strings("/spec/selector").iter().map(|(key, value)| format!("{key}={value}")).collect();
    let ports: Vec<String> = service.items("/spec/ports").iter().map(port).collect();
    let cluster_ip =
        if service.items("/spec/clusterIPs").is_empty() { "<none>" } else { service.text("/spec/clusterIPs/0") };
    vec![
        service.name().into(),
        service.text("/spec/type").into(),
        cluster_ip.into(),
        external_ip(service).into(),
        or_none(&ports.join(",")).into(),
        age(service, now).into(),
        or_none(&selector.join(",")).into(),
    ]
}

fn port(port: &Value) -> String {
    let number = |field| port.get(field).and_then(Value::as_i64).unwrap_or_default();
    let protocol = text(port, "/protocol");
    match (number("port"), number("nodePort")) {
        (port, node_port @ 1..) => format!("{port}:{node_port}/{protocol}"),
        (port, _) => format!("{port}/{protocol}"),
    }
}

fn external_ip(service: &Object) -> String {
    let own = service.items("/spec/externalIPs").iter().filter_map(Value::as_str);
    match service.text("/spec/type") {
        "ClusterIP" | "NodePort" => or_none(&own.collect::<Vec<&str>>().join(",")).to_owned(),
        "LoadBalancer" => {
            let ingress = service.items("/status/loadBalancer/ingress").iter();
            let balanced: BTreeSet<&str> = ingress
                .map(|ingress| or(text(ingress, "/ip"), text(ingress, "/hostname")))
                .filter(|address| !address.is_empty())
                .collect();
            or(&balanced.into_iter().chain(own).collect::<Vec<&str>>().join(","), "<pending>").to_owned()
        }
        "ExternalName" => service.text("/spec/externalName").to_owned(),
        _ => "<unknown>".into(),
    }
}

fn addresses(endpoints: &Object) -> String {
    let subsets = endpoints.items("/subsets");
    if subsets.is_empty() {
        return "<none>".into();
    }
    let all: Vec<String> = subsets.iter().flat_map(of_subset).collect();
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<&str>>().join(",");
    match all.len() - all.len().min(SHOWN) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

/// Every address with every port; without a port where the subset has none.
fn of_subset(subset: &Value) -> Vec<String> {
    let items = |field| subset.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let hosts = || items("addresses").iter().map(|address| text(address, "/ip"));
    if items("ports").is_empty() {
        return hosts().map(ToOwned::to_owned).collect();
    }
    let with_port = |port: &Value| {
        let port = port.get("port").and_then(Value::as_i64).unwrap_or_default();
        hosts().map(move |host| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
    };
    items("ports").iter().flat_map(with_port).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn three_endpoints_are_shown() {
        let endpoints = |count: usize| {
            let addresses: Vec<Value> = (1..=count).map(|host| json!({"ip": format!("10.0.0.{host}")})).collect();
            Object::from_value(json!({"subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]})).unwrap()
        };
        assert_eq!(addresses(&Object::default()), "<none>");
        assert_eq!(addresses(&endpoints(3)), "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80");
        assert_eq!(addresses(&endpoints(5)), "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...");
    }

    #[test]
    fn a_balancer_without_an_address_is_waited_for() {
        let balancer = |ingress: Value| {
            let service = json!({"spec": {"type": "LoadBalancer", "externalIPs": ["192.0.2.9"]}, "status": {"loadBalancer": {"ingress": ingress}}});
            Object::from_value(service).unwrap()
        };
        assert_eq!(
            external_ip(&balancer(json!([{"ip": "192.0.2.2"}, {"hostname": "a.example"}]))),
            "192.0.2.2,a.example,192.0.2.9"
        );
        let mut waiting = balancer(json!([]));
        waiting.remove("/spec/externalIPs");
        assert_eq!(external_ip(&waiting), "<pending>");
    }
}

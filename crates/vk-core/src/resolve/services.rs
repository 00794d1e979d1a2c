//! The variables that tell a container of Services.
//! See <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::data::{ServiceFacts, ServicePort};

/// Variables of the Services of a namespace and of `default/kubernetes`, or of the latter alone.
///
/// A Service `kubernetes` of the pod's own namespace takes the place of the one in `default`.
pub(super) fn service_variables(
    services: &[ServiceFacts],
    namespace: &str,
    enable_service_links: bool,
) -> Vec<(String, String)> {
    let reachable = services.iter().filter(|service| !matches!(service.cluster_ip.as_str(), "" | "None"));
    let mut chosen: BTreeMap<&str, &ServiceFacts> = BTreeMap::new();
    for service in reachable {
        let is_api_server = service.namespace == "default" && service.name == "kubernetes";
        if enable_service_links && service.namespace == namespace {
            chosen.insert(&service.name, service);
        } else if is_api_server {
            chosen.entry(&service.name).or_insert(service);
        }
    }
    chosen.values().flat_map(|service| variables(service)).collect()
}

fn variables(service: &ServiceFacts) -> Vec<(String, String)> {
    let prefix = variable_name(&service.name);
    let mut variables = vec![(format!("{prefix}_SERVICE_HOST"), service.cluster_ip.clone())];
    let Some(first) = service.ports.first() else { return variables };
    variables.push((format!("{prefix}_SERVICE_PORT"), first.port.to_string()));
    for port in service.ports.iter().filter(|port| !port.name.is_empty()) {
        variables.push((format!("{prefix}_SERVICE_PORT_{}", variable_name(&port.name)), port.port.to_string()));
    }
    variables.push((format!("{prefix}_PORT"), url(service, first)));
    for port in &service.ports {
        variables.extend(link_variables(&prefix, service, port));
    }
    variables
}

/// What Docker's `--link` defined for a port.
fn link_variables(prefix: &str, service: &ServiceFacts, port: &ServicePort) -> [(String, String); 4] {
    let protocol = protocol(port);
    let name = format!("{prefix}_PORT_{}_{}", port.port, protocol.to_uppercase());
    [
        (format!("{name}_PROTO"), protocol),
        (format!("{name}_PORT"), port.port.to_string()),
        (format!("{name}_ADDR"), service.cluster_ip.clone()),
        (name, url(service, port)),
    ]
}

fn url(service: &ServiceFacts, port: &ServicePort) -> String {
    let (protocol, address, port) = (protocol(port), &service.cluster_ip, port.port);
    if address.contains(':') {
        format!("{protocol}://[{address}]:{port}")
    } else {
        format!("{protocol}://{address}:{port}")
    }
}

fn protocol(port: &ServicePort) -> String {
    if port.protocol.is_empty() { "tcp".to_owned() } else { port.protocol.to_lowercase() }
}

fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

//! The sandbox of a pod: host name, name resolution, ports of the host.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use vk_core::{Error, Result};

use crate::runtime::{Dns, HostAlias, PodIdentity, PortMapping, SandboxSpec};

/// The longest host name that Linux takes for one label.
const MAX_LABEL: usize = 63;

/// The cluster's name resolution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ClusterDns {
    /// Addresses of the DNS service; empty means that there is none for this node.
    pub(crate) servers: Vec<String>,
    /// As in `cluster.local`.
    pub(crate) domain: String,
}

/// What the sandbox of this pod looks like.
pub(crate) fn sandbox_spec(
    pod: &Pod,
    identity: PodIdentity,
    attempt: u32,
    cluster: &ClusterDns,
) -> Result<SandboxSpec> {
    let spec = pod.spec.as_ref().ok_or_else(|| Error::invalid("spec", "the pod has no spec"))?;
    let namespace = identity.namespace.clone();
    let mut sandbox = SandboxSpec::new(identity, attempt);
    sandbox.host_network = spec.host_network.unwrap_or(false);
    sandbox.host_ipc = spec.host_ipc.unwrap_or(false);
    sandbox.hostname = hostname(spec, &sandbox.pod.name);
    if let Some(subdomain) = spec.subdomain.as_deref().filter(|subdomain| !subdomain.is_empty()) {
        sandbox.domain = format!("{subdomain}.{namespace}.svc.{}", cluster.domain);
    }
    sandbox.dns = dns(spec, &namespace, cluster)?;
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let field = || format!("spec.hostAliases[{index}].ip");
        let ip = alias.ip.parse().map_err(|_| Error::invalid(field(), format!("{:?} is no address", alias.ip)))?;
        sandbox.host_aliases.push(HostAlias { ip, names: alias.hostnames.clone().unwrap_or_default() });
    }
    if !sandbox.host_network {
        sandbox.ports = ports(pod)?;
    }
    Ok(sandbox)
}

fn hostname(spec: &PodSpec, pod_name: &str) -> String {
    let name = spec.hostname.as_deref().filter(|name| !name.is_empty()).unwrap_or(pod_name);
    let end = name.char_indices().nth(MAX_LABEL).map_or(name.len(), |(end, _)| end);
    name.get(..end).unwrap_or(name).trim_end_matches(['-', '.']).to_owned()
}

fn dns(spec: &PodSpec, namespace: &str, cluster: &ClusterDns) -> Result<Dns> {
    let host_network = spec.host_network.unwrap_or(false);
    let of_cluster = || Dns {
        servers: cluster.servers.clone(),
        searches: vec![
            format!("{namespace}.svc.{}", cluster.domain),
            format!("svc.{}", cluster.domain),
            cluster.domain.clone(),
        ],
        options: vec!["ndots:5".to_owned()],
    };
    let mut dns = match spec.dns_policy.as_deref().unwrap_or("ClusterFirst") {
        "ClusterFirst" if host_network => Dns::default(),
        // Without a DNS service of the cluster, the kubelet falls back to `Default` too.
        "ClusterFirst" | "ClusterFirstWithHostNet" if cluster.servers.is_empty() => Dns::default(),
        "ClusterFirst" | "ClusterFirstWithHostNet" => of_cluster(),
        "Default" | "None" => Dns::default(),
        other => return Err(Error::invalid("spec.dnsPolicy", format!("unknown value {other:?}"))),
    };
    if let Some(config) = &spec.dns_config {
        dns.servers.extend(config.nameservers.iter().flatten().cloned());
        dns.searches.extend(config.searches.iter().flatten().cloned());
        for option in config.options.iter().flatten() {
            let name = option.name.clone().unwrap_or_default();
            dns.options.retain(|known| known.split(':').next() != Some(name.as_str()));
            dns.options.push(match option.value.as_deref() {
                Some(value) if !value.is_empty() => format!("{name}:{value}"),
                _ => name,
            });
        }
    }
    Ok(dns)
}

fn ports(pod: &Pod) -> Result<Vec<PortMapping>> {
    let mut ports = Vec::new();
    for (path, container) in super::containers(pod) {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let field = |name: &str| format!("{path}.ports[{index}].{name}");
            let number = |value: i32, name: &str| {
                u16::try_from(value).map_err(|_| Error::invalid(field(name), format!("{value} is no port")))
            };
            let Some(host_port) = port.host_port.filter(|port| *port != 0) else { continue };
            let protocol = match port.protocol.as_deref().unwrap_or("TCP") {
                "TCP" => "tcp",
                "UDP" => "udp",
                "SCTP" => "sctp",
                other => return Err(Error::invalid(field("protocol"), format!("unknown value {other:?}"))),
            };
            let host_ip = match port.host_ip.as_deref().filter(|ip| !ip.is_empty()) {
                Some(ip) => {
                    let parsed = ip.parse();
                    Some(parsed.map_err(|_| Error::invalid(field("hostIP"), format!("{ip:?} is no address")))?)
                }
                None => None,
            };
            ports.push(PortMapping {
                protocol,
                container_port: number(port.container_port, "containerPort")?,
                host_port: number(host_port, "hostPort")?,
                host_ip,
            });
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sandbox(spec: Value, servers: &[&str]) -> Result<SandboxSpec> {
        let pod: Pod = serde_json::from_value(json!({ "spec": spec })).unwrap();
        let identity = PodIdentity { uid: "u".into(), namespace: "shop".to_owned(), name: "web-0".to_owned() };
        let servers = servers.iter().map(|server| (*server).to_owned()).collect();
        sandbox_spec(&pod, identity, 0, &ClusterDns { servers, domain: "cluster.local".to_owned() })
    }

    #[test]
    fn the_cluster_comes_first_where_it_has_a_name_service() {
        let dns = sandbox(json!({"containers": []}), &["10.96.0.10"]).unwrap().dns;
        assert_eq!(dns.servers, ["10.96.0.10"]);
        assert_eq!(dns.searches, ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]);
        assert_eq!(dns.options, ["ndots:5"]);
        assert_eq!(sandbox(json!({"containers": []}), &[]).unwrap().dns, Dns::default());
        let host = json!({"containers": [], "hostNetwork": true});
        assert_eq!(sandbox(host, &["10.96.0.10"]).unwrap().dns, Dns::default());
    }

    #[test]
    fn the_pods_own_dns_configuration_adds_and_overrides() {
        let spec = json!({"containers": [], "dnsConfig": {
            "nameservers": ["1.1.1.1"], "searches": ["example.com"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
        }});
        let dns = sandbox(spec, &["10.96.0.10"]).unwrap().dns;
        assert_eq!(dns.servers, ["10.96.0.10", "1.1.1.1"]);
        assert_eq!(dns.searches.last().unwrap(), "example.com");
        assert_eq!(dns.options, ["ndots:2", "edns0"]);
        let none = json!({"containers": [], "dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}});
        assert_eq!(sandbox(none, &["10.96.0.10"]).unwrap().dns.servers, ["1.1.1.1"]);
    }

    #[test]
    fn a_subdomain_makes_a_fully_qualified_name() {
        let sandbox = sandbox(json!({"containers": [], "hostname": "db", "subdomain": "peers"}), &[]).unwrap();
        assert_eq!((sandbox.hostname.as_str(), sandbox.domain.as_str()), ("db", "peers.shop.svc.cluster.local"));
    }

    #[test]
    fn a_long_pod_name_is_cut_to_one_label() {
        let spec: PodSpec = serde_json::from_value(json!({"containers": []})).unwrap();
        assert_eq!(hostname(&spec, &format!("{}-x", "a".repeat(62))), "a".repeat(62));
    }

    #[test]
    fn only_host_ports_are_mapped() {
        let spec = json!({"containers": [{"name": "a", "ports": [
            {"containerPort": 80}, {"containerPort": 53, "hostPort": 5353, "protocol": "UDP", "hostIP": "127.0.0.1"},
        ]}]});
        let ports = sandbox(spec, &[]).unwrap().ports;
        assert_eq!(ports.len(), 1);
        assert_eq!((ports[0].protocol, ports[0].container_port, ports[0].host_port), ("udp", 53, 5353));
        let wrong = json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "hostPort": 99999}]}]});
        assert!(sandbox(wrong, &[]).unwrap_err().to_string().contains("spec.containers[0].ports[0].hostPort"));
    }
}

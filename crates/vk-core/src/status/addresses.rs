//! Addresses of the pod and of its host.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::PodStatus;

use super::pod_view::PodView;

/// `podIPs` and `hostIPs` in the API's order: the primary one first, at most one of each family. The API server refuses
/// anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Addresses {
    pub(super) pod: Vec<String>,
    pub(super) host: Vec<String>,
}

impl Addresses {
    /// What the API says.
    pub(super) fn in_api(status: &PodStatus) -> Self {
        let pod = status.pod_ips.iter().flatten().map(|entry| entry.ip.clone());
        let host = status.host_ips.iter().flatten().map(|entry| entry.ip.clone());
        Self {
            pod: list_or_single(pod.collect(), status.pod_ip.as_ref()),
            host: list_or_single(host.collect(), status.host_ip.as_ref()),
        }
    }

    /// What it should say. A known address is replaced, never taken away: a pod that has ended keeps its own.
    pub(super) fn of(view: &PodView<'_>) -> Self {
        let known = Self::in_api(view.api);
        let observation = view.input.observation;
        let host = match observation {
            Some(observation) if !observation.host_ips.is_empty() => one_of_each_family(&observation.host_ips, None),
            None if !known.host.is_empty() => known.host,
            _ => or_else(one_of_each_family(view.input.node_ips, None), known.host),
        };
        let preferred = view.input.node_ips.first().copied();
        let observed = observation.map(|observation| one_of_each_family(&observation.pod_ips, preferred));
        let mut pod = or_else(observed.unwrap_or_default(), known.pod);
        if pod.is_empty() && view.uses_host_network() {
            pod.clone_from(&host);
        }
        Self { pod, host }
    }
}

fn list_or_single(list: Vec<String>, single: Option<&String>) -> Vec<String> {
    if list.is_empty() { single.into_iter().filter(|ip| !ip.is_empty()).cloned().collect() } else { list }
}

fn or_else(list: Vec<String>, other: Vec<String>) -> Vec<String> {
    if list.is_empty() { other } else { list }
}

/// The first address of each family; that of `preferred` leads, or else the one that comes first.
fn one_of_each_family(addresses: &[IpAddr], preferred: Option<IpAddr>) -> Vec<String> {
    let usable: Vec<IpAddr> =
        addresses.iter().map(IpAddr::to_canonical).filter(|address| !address.is_unspecified()).collect();
    let Some(leading) = usable.first() else { return Vec::new() };
    let primary_is_v4 = preferred.map_or(leading.is_ipv4(), |preferred| preferred.to_canonical().is_ipv4());
    let first_of = |is_v4| usable.iter().find(|address| address.is_ipv4() == is_v4);
    [first_of(primary_is_v4), first_of(!primary_is_v4)].into_iter().flatten().map(IpAddr::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(words: &[&str]) -> Vec<IpAddr> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn one_address_of_each_family_and_the_nodes_family_first() {
        let mixed = ips(&["fd00::5", "10.0.0.5", "10.0.0.6", "fd00::6"]);
        assert_eq!(one_of_each_family(&mixed, None), ["fd00::5", "10.0.0.5"]);
        assert_eq!(one_of_each_family(&mixed, Some("192.0.2.1".parse().unwrap())), ["10.0.0.5", "fd00::5"]);
        assert_eq!(one_of_each_family(&ips(&["10.0.0.5"]), Some("fd00::1".parse().unwrap())), ["10.0.0.5"]);
    }

    #[test]
    fn placeholders_are_no_addresses_and_mapped_ones_are_ipv4() {
        assert_eq!(one_of_each_family(&ips(&["0.0.0.0", "::"]), None), Vec::<String>::new());
        assert_eq!(one_of_each_family(&ips(&["::ffff:10.1.2.3"]), None), ["10.1.2.3"]);
    }
}

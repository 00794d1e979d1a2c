use k8s_openapi::api::core::v1 as api;

use super::*;
use crate::node::{KUBERNETES_VERSION, KubeletVersion, NodeName, ObservedNode, ObservedTaint, OutageReason};

fn facts() -> AgentFacts {
    let version = KubeletVersion::new(KUBERNETES_VERSION, "0.1.0").unwrap();
    let mut facts = AgentFacts::new(NodeName::parse("vk").unwrap(), version, Identity::ServiceAccount);
    facts.architecture = "amd64".to_owned();
    facts.addresses.push(internal("10.0.0.7"));
    facts.kubelet_port = Some(10250);
    facts.declared_features = vec!["Zeta".to_owned(), "Alpha".to_owned()];
    facts
}

fn internal(ip: &str) -> NodeAddress {
    NodeAddress { kind: "InternalIP".to_owned(), address: ip.to_owned() }
}

fn shape() -> NodeShape {
    let amount = |name: &str, amount: &str| (name.to_owned(), Quantity(amount.to_owned()));
    NodeShape::with_capacity([amount("cpu", "4"), amount("memory", "8Gi"), amount("pods", "20")].into())
}

fn desired(facts: &AgentFacts, shape: Option<&NodeShape>) -> DesiredNode {
    DesiredNode::new(facts, facts.identity, shape, &BackendHealth::Reachable)
}

fn hung() -> BackendHealth {
    BackendHealth::Unreachable { reason: OutageReason::Hangs, message: "silence".to_owned() }
}

#[test]
fn the_first_create_is_complete() {
    let mut facts = facts();
    let mut shape = shape();
    facts.taints.push(Taint {
        key: "virtual-kubelet.io/provider".to_owned(),
        value: "mock".to_owned(),
        effect: "NoSchedule".to_owned(),
    });
    shape.provider_id = Some("mock://vk".to_owned());
    let body = desired(&facts, Some(&shape)).to_create("2026-11-22T14:00:00.9Z".parse().unwrap());
    let node: api::Node = serde_json::from_value(body).unwrap();
    let ready =
        node.status.as_ref().unwrap().conditions.as_ref().unwrap().iter().find(|it| it.type_ == "Ready").unwrap();
    assert_eq!(ready.last_heartbeat_time.as_ref().unwrap().0, "2026-11-22T14:00:00Z".parse().unwrap());
    let node = ObservedNode::from(node);

    for (key, value) in [
        ("kubernetes.io/hostname", "vk"),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", "amd64"),
        ("kubernetes.io/role", "agent"),
        ("type", "virtual-kubelet"),
        ("node.kubernetes.io/exclude-from-external-load-balancers", "true"),
    ] {
        assert_eq!(node.labels.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(node.taints[0].taint, facts.taints[0]);
    assert_eq!(node.provider_id, "mock://vk");
    assert_eq!(node.allocatable["pods"], "20");
    assert_eq!(node.capacity["memory"], "8Gi");
    assert_eq!(node.addresses, [internal("10.0.0.7")]);
    assert_eq!(node.kubelet_port, 10250);
    assert_eq!(node.info["kubeletVersion"], "v1.36.0-vk-0.1.0");
    assert_eq!(node.info["containerRuntimeVersion"], "virtual-kubelet://0.1.0");
    assert_eq!(node.declared_features, ["Alpha", "Zeta"]);
    assert_eq!(node.owned().resources.len(), 3);
}

#[test]
fn the_hostname_address_is_published_only_if_it_resolves() {
    let mut facts = facts();
    assert!(desired(&facts, None).addresses.iter().all(|address| address.kind != "Hostname"));
    facts.hostname_resolves = true;
    let addresses = desired(&facts, None).addresses;
    assert_eq!(addresses.last().unwrap(), &NodeAddress { kind: "Hostname".to_owned(), address: "vk".to_owned() });
}

#[test]
fn a_node_identity_leaves_out_labels_that_would_refuse_the_whole_create() {
    let mut facts = facts();
    facts.identity = Identity::Node;
    facts.labels.insert("alpha.service-controller.kubernetes.io/exclude-balancer".to_owned(), "true".to_owned());
    facts.labels.insert("example.com/pool".to_owned(), "burst".to_owned());
    let desired = desired(&facts, Some(&shape()));
    assert_eq!(
        desired.forbidden_labels,
        ["alpha.service-controller.kubernetes.io/exclude-balancer", "kubernetes.io/role"].map(str::to_owned).into()
    );
    assert!(desired.labels.contains_key("node.kubernetes.io/exclude-from-external-load-balancers"));
    assert!(desired.labels.contains_key("example.com/pool"));
}

#[test]
fn configuration_wins_over_the_provider_and_the_provider_over_the_defaults() {
    let mut facts = facts();
    let mut shape = shape();
    shape.labels.insert("type".to_owned(), "special".to_owned());
    shape.labels.insert("pool".to_owned(), "provider".to_owned());
    facts.labels.insert("pool".to_owned(), "flag".to_owned());
    shape.info.operating_system = "windows".to_owned();
    shape.addresses.push(internal("192.0.2.1"));
    let taint = |value: &str| Taint { key: "k".to_owned(), value: value.to_owned(), effect: "NoSchedule".to_owned() };
    facts.taints.push(taint("flag"));
    shape.taints.push(taint("provider"));
    let desired = desired(&facts, Some(&shape));
    assert_eq!(desired.labels["type"], "special");
    assert_eq!(desired.labels["pool"], "flag");
    assert_eq!(desired.labels["kubernetes.io/os"], "windows");
    assert_eq!(desired.addresses, [internal("192.0.2.1")]);
    assert_eq!(desired.taints, [taint("flag")]);
}

#[test]
fn an_outage_closes_the_published_node_but_not_our_own_admission() {
    let facts = facts();
    let shape = shape();
    let published = DesiredNode::new(&facts, facts.identity, Some(&shape), &hung());
    assert_eq!(published.allocatable["pods"], "0");
    assert_eq!(published.allocatable["cpu"], "4");
    assert_eq!(published.capacity["pods"], "20");
    assert_eq!(published.conditions["Ready"].status, "True");
    assert_eq!(node_facts(&facts, Some(&shape), None).allocatable["pods"].0, "20");
}

#[test]
fn the_outage_policy_decides_what_an_outage_does() {
    let mut facts = facts();
    facts.outage_policy = OutagePolicy::Ignore;
    assert_eq!(DesiredNode::new(&facts, facts.identity, Some(&shape()), &hung()).allocatable["pods"], "20");
    facts.outage_policy = OutagePolicy::NotReady;
    assert_eq!(DesiredNode::new(&facts, facts.identity, Some(&shape()), &hung()).conditions["Ready"].status, "False");
}

#[test]
fn a_provider_that_has_not_described_its_node_gets_no_pods() {
    let desired = desired(&facts(), None);
    assert!(!desired.complete);
    assert_eq!(desired.allocatable, [("pods".to_owned(), "0".to_owned())].into());
}

#[test]
fn pods_are_told_one_host_address_of_each_family() {
    let mut facts = facts();
    facts.addresses.push(internal("10.0.0.8"));
    facts.addresses.push(internal("fd00::7"));
    facts.addresses.push(NodeAddress { kind: "ExternalIP".to_owned(), address: "192.0.2.1".to_owned() });
    let ips: Vec<String> = node_facts(&facts, None, None).host_ips.iter().map(ToString::to_string).collect();
    assert_eq!(ips, ["10.0.0.7", "fd00::7"]);
}

/// An administrator's label counts for node selectors, and a taint that others put there for tolerations.
#[test]
fn labels_and_taints_are_those_of_the_node_once_there_is_one() {
    let mut facts = facts();
    facts.labels.insert("zone".to_owned(), "a".to_owned());
    let before = node_facts(&facts, None, None);
    assert_eq!(before.labels["zone"], "a");
    assert_eq!(before.labels["kubernetes.io/hostname"], facts.name.as_str());
    let taint = Taint { key: "gone".to_owned(), value: String::new(), effect: "NoExecute".to_owned() };
    let node = ObservedNode {
        labels: BTreeMap::from([("rack".to_owned(), "7".to_owned())]),
        taints: vec![ObservedTaint { taint: taint.clone(), time_added: None }],
        ..ObservedNode::default()
    };
    let after = node_facts(&facts, None, Some(&node));
    assert_eq!((after.labels, after.taints), (node.labels, vec![taint]));
}

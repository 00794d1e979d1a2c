//! [`DesiredNode`]: all that the Node should say, made out of the provider's shape and the agent's facts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};

use super::agent::{AgentFacts, OutagePolicy};
use super::conditions::{self, CORE_TYPES};
use super::health::BackendHealth;
use super::identity::Identity;
use super::observed::ObservedNode;
use super::owned::OwnedFields;
use super::shape::{NodeAddress, NodeCondition, NodeShape, Taint};
use crate::resolve::NodeFacts;

/// The Node as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredNode {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`, without those that the identity may not set.
    pub labels: BTreeMap<String, String>,
    /// Labels that were wished for and that the identity may not set.
    pub forbidden_labels: BTreeSet<String>,
    /// `metadata.annotations`, without [`OwnedFields::ANNOTATION`].
    pub annotations: BTreeMap<String, String>,
    /// `spec.taints`.
    pub taints: Vec<Taint>,
    /// `spec.providerID`.
    pub provider_id: Option<String>,
    /// `status.capacity`.
    pub capacity: BTreeMap<String, String>,
    /// `status.allocatable` as published: without pods while the back end does not answer, where the policy says so.
    pub allocatable: BTreeMap<String, String>,
    /// `status.addresses`.
    pub addresses: Vec<NodeAddress>,
    /// `status.conditions` by type.
    pub conditions: BTreeMap<String, NodeCondition>,
    /// `status.daemonEndpoints.kubeletEndpoint.Port`; 0 if the kubelet API is not served.
    pub kubelet_port: u16,
    /// The fields of `status.nodeInfo` that are not empty, by their names in JSON.
    pub info: BTreeMap<String, String>,
    /// `status.declaredFeatures`, sorted as the API server demands.
    pub declared_features: Vec<String>,
    /// Whether the provider has described its node. Until then nothing is taken away from what the Node says already.
    pub complete: bool,
}

impl DesiredNode {
    /// Joins the provider's shape (`None` while the provider has not given one) and the agent's facts. Where both speak of
    /// the same label or annotation, the configuration of the agent wins.
    pub fn new(facts: &AgentFacts, identity: Identity, shape: Option<&NodeShape>, health: &BackendHealth) -> Self {
        let (labels, forbidden) =
            labels(facts, shape).into_iter().partition::<BTreeMap<_, _>, _>(|(key, _)| identity.may_label(key));
        Self {
            name: facts.name.to_string(),
            labels,
            forbidden_labels: forbidden.into_keys().collect(),
            annotations: annotations(facts, shape),
            taints: taints(facts, shape),
            provider_id: shape.and_then(|shape| shape.provider_id.clone()).filter(|id| !id.is_empty()),
            capacity: shape.map(capacity).unwrap_or_default(),
            allocatable: published_allocatable(facts, shape, health),
            addresses: addresses(facts, shape),
            conditions: conditions::conditions(shape, health, facts.outage_policy),
            kubelet_port: facts.kubelet_port.unwrap_or(0),
            info: info(facts, shape),
            declared_features: facts.declared_features.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            complete: shape.is_some(),
        }
    }

    /// What has to be remembered as ours: all but what every virtual node has.
    pub fn owned(&self) -> OwnedFields {
        OwnedFields {
            labels: self.labels.keys().filter(|key| !BASE_LABELS.contains(&key.as_str())).cloned().collect(),
            annotations: self.annotations.keys().cloned().collect(),
            taints: self.taints.iter().map(OwnedFields::taint_id).collect(),
            resources: self.capacity.keys().chain(self.allocatable.keys()).cloned().collect(),
            conditions: self.conditions.keys().filter(|kind| !CORE_TYPES.contains(&kind.as_str())).cloned().collect(),
        }
    }

    /// The whole Node, for its first create. Taints are part of it under every identity.
    pub fn to_create(&self, now: Timestamp) -> Value {
        let now = seconds(now);
        let conditions: Vec<Value> = self
            .conditions
            .values()
            .map(|condition| {
                json!({
                    "type": condition.kind, "status": condition.status, "reason": condition.reason,
                    "message": condition.message, "lastHeartbeatTime": now, "lastTransitionTime": now,
                })
            })
            .collect();
        let mut annotations = self.annotations.clone();
        annotations.insert(OwnedFields::ANNOTATION.to_owned(), self.owned().to_annotation());
        let mut spec = json!({ "taints": self.taints });
        if let Some(id) = &self.provider_id {
            spec["providerID"] = json!(id);
        }
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": self.name, "labels": self.labels, "annotations": annotations },
            "spec": spec,
            "status": {
                "capacity": self.capacity,
                "allocatable": self.allocatable,
                "addresses": addresses_json(&self.addresses),
                "conditions": conditions,
                "daemonEndpoints": { "kubeletEndpoint": { "Port": self.kubelet_port } },
                "nodeInfo": self.info,
                "declaredFeatures": self.declared_features,
            },
        })
    }
}

/// What pods may refer to, with the provider's own figures: the zero of an outage is for the scheduler alone.
///
/// Labels and taints are those that the Node has, others' included; while there is none yet, those that it will have.
pub(super) fn node_facts(facts: &AgentFacts, shape: Option<&NodeShape>, node: Option<&ObservedNode>) -> NodeFacts {
    let mut host_ips: Vec<IpAddr> = Vec::new();
    for address in addresses(facts, shape).iter().filter(|address| address.kind == "InternalIP") {
        if let Ok(ip) = address.address.parse::<IpAddr>()
            && host_ips.iter().all(|known| known.is_ipv4() != ip.is_ipv4())
        {
            host_ips.push(ip);
        }
    }
    let allocatable = shape.map(|shape| effective_allocatable(shape).clone()).unwrap_or_default();
    let (labels, taints) = match node {
        Some(node) => (node.labels.clone(), node.taints.iter().map(|observed| observed.taint.clone()).collect()),
        None => (labels(facts, shape), taints(facts, shape)),
    };
    NodeFacts { name: facts.name.to_string(), host_ips, allocatable, labels, taints, settled: shape.is_some() }
}

/// Labels of every virtual node. The beta names are those that kubelets still set and old selectors still ask for.
const BASE_LABELS: [&str; 8] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/role",
    "node.kubernetes.io/exclude-from-external-load-balancers",
    "type",
];

fn labels(facts: &AgentFacts, shape: Option<&NodeShape>) -> BTreeMap<String, String> {
    let (os, arch) = platform(facts, shape);
    let base = [arch, os, arch, facts.name.as_str(), os, "agent", "true", "virtual-kubelet"];
    let base = BASE_LABELS.iter().zip(base).map(|(key, value)| ((*key).to_owned(), value.to_owned()));
    let mut labels: BTreeMap<String, String> = base.collect();
    labels.extend(shape.map(|shape| shape.labels.clone()).unwrap_or_default());
    labels.extend(facts.labels.clone());
    labels
}

fn annotations(facts: &AgentFacts, shape: Option<&NodeShape>) -> BTreeMap<String, String> {
    let mut annotations = shape.map(|shape| shape.annotations.clone()).unwrap_or_default();
    annotations.extend(facts.annotations.clone());
    annotations.remove(OwnedFields::ANNOTATION);
    annotations
}

/// The API server refuses two taints of the same key and effect: the agent's own wins.
fn taints(facts: &AgentFacts, shape: Option<&NodeShape>) -> Vec<Taint> {
    let provided = shape.into_iter().flat_map(|shape| &shape.taints);
    let mut seen = BTreeSet::new();
    facts.taints.iter().chain(provided).filter(|taint| seen.insert(OwnedFields::taint_id(taint))).cloned().collect()
}

fn capacity(shape: &NodeShape) -> BTreeMap<String, String> {
    shape.capacity.iter().map(|(name, amount)| (name.clone(), amount.0.clone())).collect()
}

fn effective_allocatable(shape: &NodeShape) -> &BTreeMap<String, Quantity> {
    if shape.allocatable.is_empty() { &shape.capacity } else { &shape.allocatable }
}

fn published_allocatable(
    facts: &AgentFacts,
    shape: Option<&NodeShape>,
    health: &BackendHealth,
) -> BTreeMap<String, String> {
    let mut published: BTreeMap<String, String> = shape
        .into_iter()
        .flat_map(effective_allocatable)
        .map(|(name, amount)| (name.clone(), amount.0.clone()))
        .collect();
    let closed = !health.is_reachable() && facts.outage_policy == OutagePolicy::ZeroAllocatable;
    // A provider that has not said what it has can take nothing yet, whatever the policy is.
    if closed || shape.is_none() {
        published.insert("pods".to_owned(), "0".to_owned());
    }
    published
}

pub(super) fn addresses(facts: &AgentFacts, shape: Option<&NodeShape>) -> Vec<NodeAddress> {
    let provided = shape.map(|shape| shape.addresses.as_slice()).filter(|given| !given.is_empty());
    let hostname = NodeAddress { kind: "Hostname".to_owned(), address: facts.name.to_string() };
    let mut seen = BTreeSet::new();
    provided
        .unwrap_or(&facts.addresses)
        .iter()
        .chain(facts.hostname_resolves.then_some(&hostname))
        .filter(|address| seen.insert(*address))
        .cloned()
        .collect()
}

fn platform<'a>(facts: &'a AgentFacts, shape: Option<&'a NodeShape>) -> (&'a str, &'a str) {
    let info = shape.map(|shape| &shape.info);
    let or =
        |given: Option<&'a String>, own: &'a str| given.map(String::as_str).filter(|it| !it.is_empty()).unwrap_or(own);
    (
        or(info.map(|info| &info.operating_system), &facts.operating_system),
        or(info.map(|info| &info.architecture), &facts.architecture),
    )
}

fn info(facts: &AgentFacts, shape: Option<&NodeShape>) -> BTreeMap<String, String> {
    let (os, arch) = platform(facts, shape);
    let provided = shape.map(|shape| shape.info.clone()).unwrap_or_default();
    let or = |given: String, own: &str| if given.is_empty() { own.to_owned() } else { given };
    let own_runtime = format!("virtual-kubelet://{}", facts.version.product());
    [
        ("architecture", arch.to_owned()),
        ("bootID", facts.boot_id.clone()),
        ("containerRuntimeVersion", or(provided.container_runtime_version, &own_runtime)),
        ("kernelVersion", or(provided.kernel_version, &facts.kernel_version)),
        ("kubeletVersion", facts.version.to_string()),
        ("machineID", facts.machine_id.clone()),
        ("operatingSystem", os.to_owned()),
        ("osImage", or(provided.os_image, &facts.os_image)),
        ("systemUUID", facts.system_uuid.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

pub(super) fn addresses_json(addresses: &[NodeAddress]) -> Vec<Value> {
    addresses.iter().map(|address| json!({ "type": address.kind, "address": address.address })).collect()
}

/// `metav1.Time`: RFC 3339 in UTC with whole seconds.
pub(super) fn seconds(time: Timestamp) -> String {
    crate::time::whole_seconds(time).to_string()
}

#[cfg(test)]
mod tests;

//! [`ObservedNode`]: the parts of a Node that we compare, freed of everything else.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as api;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::{Deserialize, Serialize};

use super::owned::OwnedFields;
use super::shape::{NodeAddress, Taint};

/// A Node as the API server shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ObservedNode {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec.taints`.
    pub taints: Vec<ObservedTaint>,
    /// `spec.providerID`; empty if there is none.
    pub provider_id: String,
    /// `status.capacity`.
    pub capacity: BTreeMap<String, String>,
    /// `status.allocatable`.
    pub allocatable: BTreeMap<String, String>,
    /// `status.addresses`.
    pub addresses: Vec<NodeAddress>,
    /// `status.conditions` by type.
    pub conditions: BTreeMap<String, ObservedCondition>,
    /// `status.daemonEndpoints.kubeletEndpoint.Port`; 0 if there is none.
    pub kubelet_port: i32,
    /// The fields of `status.nodeInfo` that are not empty, by their names in JSON.
    pub info: BTreeMap<String, String>,
    /// `status.declaredFeatures`.
    pub declared_features: Vec<String>,
}

/// An entry of `spec.taints`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObservedTaint {
    /// The taint.
    pub taint: Taint,
    /// `timeAdded`, sent back as it came: the list can only be written as a whole.
    pub time_added: Option<jiff::Timestamp>,
}

/// An entry of `status.conditions`, without the times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObservedCondition {
    /// `status`.
    pub status: String,
    /// `reason`.
    pub reason: String,
    /// `message`.
    pub message: String,
}

impl ObservedNode {
    /// What an agent before this one put there.
    pub fn owned(&self) -> OwnedFields {
        self.annotations.get(OwnedFields::ANNOTATION).map(|value| OwnedFields::parse(value)).unwrap_or_default()
    }

    /// Whether this is an older state of the same Node than the other. Resource versions can be compared as numbers
    /// (KEP-5504); where they are no numbers, the later arrival counts as the newer.
    pub fn is_older_than(&self, other: &Self) -> bool {
        let number = |node: &Self| node.resource_version.parse::<u128>().ok();
        let (Some(ours), Some(theirs)) = (number(self), number(other)) else { return false };
        self.uid == other.uid && ours < theirs
    }
}

impl From<api::Node> for ObservedNode {
    fn from(node: api::Node) -> Self {
        let spec = node.spec.unwrap_or_default();
        let status = node.status.unwrap_or_default();
        Self {
            uid: node.metadata.uid.unwrap_or_default(),
            resource_version: node.metadata.resource_version.unwrap_or_default(),
            labels: node.metadata.labels.unwrap_or_default(),
            annotations: node.metadata.annotations.unwrap_or_default(),
            taints: spec.taints.unwrap_or_default().into_iter().map(observed_taint).collect(),
            provider_id: spec.provider_id.unwrap_or_default(),
            capacity: amounts(status.capacity),
            allocatable: amounts(status.allocatable),
            addresses: status.addresses.unwrap_or_default().into_iter().map(address).collect(),
            conditions: status.conditions.unwrap_or_default().into_iter().map(condition).collect(),
            kubelet_port: status.daemon_endpoints.and_then(|all| all.kubelet_endpoint).map_or(0, |one| one.port),
            info: status.node_info.map(info).unwrap_or_default(),
            declared_features: status.declared_features.unwrap_or_default(),
        }
    }
}

fn observed_taint(taint: api::Taint) -> ObservedTaint {
    ObservedTaint {
        time_added: taint.time_added.map(|time| time.0),
        taint: Taint { key: taint.key, value: taint.value.unwrap_or_default(), effect: taint.effect },
    }
}

fn amounts(resources: Option<BTreeMap<String, Quantity>>) -> BTreeMap<String, String> {
    resources.unwrap_or_default().into_iter().map(|(name, amount)| (name, amount.0)).collect()
}

fn address(address: api::NodeAddress) -> NodeAddress {
    NodeAddress { kind: address.type_, address: address.address }
}

fn condition(condition: api::NodeCondition) -> (String, ObservedCondition) {
    let observed = ObservedCondition {
        status: condition.status,
        reason: condition.reason.unwrap_or_default(),
        message: condition.message.unwrap_or_default(),
    };
    (condition.type_, observed)
}

fn info(info: api::NodeSystemInfo) -> BTreeMap<String, String> {
    [
        ("architecture", info.architecture),
        ("bootID", info.boot_id),
        ("containerRuntimeVersion", info.container_runtime_version),
        ("kernelVersion", info.kernel_version),
        ("kubeletVersion", info.kubelet_version),
        ("machineID", info.machine_id),
        ("operatingSystem", info.operating_system),
        ("osImage", info.os_image),
        ("systemUUID", info.system_uuid),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

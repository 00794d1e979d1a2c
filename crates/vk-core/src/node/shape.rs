//! What a provider says about its node.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::{Deserialize, Serialize};

/// A provider's description of the node. Everything that the core adds by itself (lease, Ready, well-known labels, the
/// daemon endpoint) is left out.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct NodeShape {
    /// `status.capacity`.
    pub capacity: BTreeMap<String, Quantity>,
    /// `status.allocatable`; empty means the same as `capacity`.
    pub allocatable: BTreeMap<String, Quantity>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
    /// Further annotations.
    pub annotations: BTreeMap<String, String>,
    /// Further taints.
    pub taints: Vec<Taint>,
    /// `status.addresses`; empty means the agent's own.
    pub addresses: Vec<NodeAddress>,
    /// Further conditions; one of the core's own types replaces what the core would say, `Ready` excepted.
    pub conditions: Vec<NodeCondition>,
    /// `status.nodeInfo`.
    pub info: NodeInfo,
    /// `spec.providerID`.
    pub provider_id: Option<String>,
}

impl NodeShape {
    /// A node with this much of each resource and nothing else said.
    pub fn with_capacity(capacity: BTreeMap<String, Quantity>) -> Self {
        Self { capacity, ..Self::default() }
    }
}

/// The parts of `status.nodeInfo` that depend on the back end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeInfo {
    /// `linux` or `windows`; empty means linux.
    pub operating_system: String,
    /// As Go names it, for example `amd64`; empty means the agent's own.
    pub architecture: String,
    /// May be empty.
    pub kernel_version: String,
    /// May be empty.
    pub os_image: String,
    /// `scheme://version`, as in `docker://20.10.24`; empty means `virtual-kubelet`'s own.
    pub container_runtime_version: String,
}

/// One entry of `status.addresses`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname`, `InternalDNS` or `ExternalDNS`.
    pub kind: String,
    /// The address.
    pub address: String,
}

/// One entry of `status.conditions`; times are kept by the core.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeCondition {
    /// `type`.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// CamelCase.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// One entry of `spec.taints`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Taint {
    /// `key`.
    pub key: String,
    /// `value`; may be empty.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

//! [`AgentFacts`]: what the Node says about the agent itself, whatever the provider is.

use std::collections::BTreeMap;

use super::identity::Identity;
use super::name::NodeName;
use super::shape::{NodeAddress, Taint};
use super::version::KubeletVersion;

/// What the agent knows about itself and was configured with. Fixed while it runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AgentFacts {
    /// `metadata.name`.
    pub name: NodeName,
    /// `status.nodeInfo.kubeletVersion`.
    pub version: KubeletVersion,
    /// Who the API server takes us for.
    pub identity: Identity,
    /// Configured labels, on top of the well-known ones and the provider's.
    pub labels: BTreeMap<String, String>,
    /// Configured annotations, on top of the provider's.
    pub annotations: BTreeMap<String, String>,
    /// Configured taints, on top of the provider's.
    pub taints: Vec<Taint>,
    /// The agent's own addresses: used where the provider names none.
    pub addresses: Vec<NodeAddress>,
    /// Whether the API server will find an address under the node's name. Only then is a `Hostname` address published: the
    /// API server prefers it over all others when it connects for logs and exec.
    pub hostname_resolves: bool,
    /// Port of the kubelet API; `None` if it is not served.
    pub kubelet_port: Option<u16>,
    /// Operating system as Go names it.
    pub operating_system: String,
    /// Architecture as Go names it ([`go_architecture`]).
    pub architecture: String,
    /// `status.nodeInfo.kernelVersion`; may be empty.
    pub kernel_version: String,
    /// `status.nodeInfo.osImage`; may be empty.
    pub os_image: String,
    /// `status.nodeInfo.machineID`; may be empty.
    pub machine_id: String,
    /// `status.nodeInfo.systemUUID`; may be empty.
    pub system_uuid: String,
    /// `status.nodeInfo.bootID`; may be empty.
    pub boot_id: String,
    /// `status.declaredFeatures` (KEP-5328): what the agent together with its provider really does, never more.
    pub declared_features: Vec<String>,
    /// What becomes of the Node while the back end does not answer.
    pub outage_policy: OutagePolicy,
}

impl AgentFacts {
    /// An agent on Linux of this build's architecture that was configured with nothing.
    pub fn new(name: NodeName, version: KubeletVersion, identity: Identity) -> Self {
        Self {
            name,
            version,
            identity,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            taints: Vec::new(),
            addresses: Vec::new(),
            hostname_resolves: false,
            kubelet_port: None,
            operating_system: "linux".to_owned(),
            architecture: go_architecture(std::env::consts::ARCH).to_owned(),
            kernel_version: String::new(),
            os_image: String::new(),
            machine_id: String::new(),
            system_uuid: String::new(),
            boot_id: String::new(),
            declared_features: Vec::new(),
            outage_policy: OutagePolicy::default(),
        }
    }
}

/// What becomes of the Node while the back end does not answer. The condition `BackendReachable` says so in each case, and
/// the lease goes on in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutagePolicy {
    /// The published `allocatable` has no pods, so that the scheduler sends none; nothing is evicted.
    #[default]
    ZeroAllocatable,
    /// Only the condition tells.
    Ignore,
    /// `Ready` becomes False. Pods are evicted once their tolerations end: for back ends whose silence means that the work
    /// is lost.
    NotReady,
}

impl OutagePolicy {
    /// Each policy by the name that a flag has for it.
    pub const NAMES: [(&str, Self); 3] =
        [("zero-allocatable", Self::ZeroAllocatable), ("not-ready", Self::NotReady), ("ignore", Self::Ignore)];
}

/// The name that Go, and so Kubernetes, has for an architecture that Rust calls by this name.
pub fn go_architecture(rust_name: &str) -> &str {
    match rust_name {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_are_named_as_kubernetes_names_them() {
        assert_eq!(go_architecture("x86_64"), "amd64");
        assert_eq!(go_architecture("aarch64"), "arm64");
        assert_eq!(go_architecture("s390x"), "s390x");
    }
}

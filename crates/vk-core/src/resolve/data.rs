//! The data that resolution works on, freed of everything that it does not need.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Content of a ConfigMap: `data` and `binaryData` by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigMapData(pub BTreeMap<String, Bytes>);

/// Content of a Secret by key. Does not show in logs.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretData {
    /// `type` of the Secret, as in `kubernetes.io/dockerconfigjson`.
    pub kind: String,
    /// Decoded values by key.
    pub values: BTreeMap<String, Bytes>,
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretData({} keys)", self.values.len())
    }
}

/// What service environment variables need of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFacts {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `spec.clusterIP`; empty or `None` for a headless Service.
    pub cluster_ip: String,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`; may be empty.
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// `port`.
    pub port: u16,
}

/// Facts about the node that environment and volumes may refer to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeFacts {
    /// `spec.nodeName`.
    pub name: String,
    /// `status.hostIP(s)`: the node's internal addresses, at most one of each family.
    pub host_ips: Vec<IpAddr>,
    /// The node's allocatable resources: what `limits.cpu` and `limits.memory` mean where a container sets none.
    pub allocatable: BTreeMap<String, Quantity>,
}

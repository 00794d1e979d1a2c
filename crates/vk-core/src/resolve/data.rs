//! The data that resolution works on, freed of everything that it does not need.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::node::Taint;

/// Content of a ConfigMap. No key is in both parts: the API server sees to that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigMapData {
    /// `data`: the only part that environment variables are taken from.
    pub text: BTreeMap<String, String>,
    /// `binaryData`: files only.
    pub binary: BTreeMap<String, Bytes>,
}

impl From<ConfigMap> for ConfigMapData {
    fn from(object: ConfigMap) -> Self {
        let binary = object.binary_data.unwrap_or_default();
        Self {
            text: object.data.unwrap_or_default(),
            binary: binary.into_iter().map(|(key, value)| (key, value.0.into())).collect(),
        }
    }
}

/// Content of a Secret by key. Does not show in logs.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretData {
    /// `type` of the Secret, as in `kubernetes.io/dockerconfigjson`.
    pub kind: String,
    /// Decoded values by key.
    pub values: BTreeMap<String, Bytes>,
}

impl From<Secret> for SecretData {
    fn from(object: Secret) -> Self {
        let values = object.data.unwrap_or_default();
        Self {
            kind: object.type_.unwrap_or_default(),
            values: values.into_iter().map(|(key, value)| (key, value.0.into())).collect(),
        }
    }
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
    /// `TCP`, `UDP` or `SCTP`; empty means TCP.
    pub protocol: String,
    /// `port`.
    pub port: u16,
}

impl From<&Service> for ServiceFacts {
    fn from(object: &Service) -> Self {
        let spec = object.spec.as_ref();
        let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
        Self {
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
            cluster_ip: spec.and_then(|spec| spec.cluster_ip.clone()).unwrap_or_default(),
            ports: ports
                .iter()
                .map(|port| ServicePort {
                    name: port.name.clone().unwrap_or_default(),
                    protocol: port.protocol.clone().unwrap_or_default(),
                    port: u16::try_from(port.port).unwrap_or_default(),
                })
                .collect(),
        }
    }
}

/// Facts about the node that environment, volumes and admission refer to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeFacts {
    /// `spec.nodeName`.
    pub name: String,
    /// `status.hostIP(s)`: the node's internal addresses, at most one of each family.
    pub host_ips: Vec<IpAddr>,
    /// The node's allocatable resources: what `limits.cpu` and `limits.memory` mean where a container sets none.
    pub allocatable: BTreeMap<String, Quantity>,
    /// `metadata.labels` of the Node.
    pub labels: BTreeMap<String, String>,
    /// `spec.taints` of the Node.
    pub taints: Vec<Taint>,
    /// Whether the provider has described its node, or has let its time for that pass: until then no pod is admitted.
    pub settled: bool,
}

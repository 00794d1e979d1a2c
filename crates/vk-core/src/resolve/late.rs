//! Values that are known only once the pod has a place to run: its addresses and those of its host.

use std::fmt;
use std::net::IpAddr;

use super::data::NodeFacts;
use crate::resolved::{EnvValue, SecretString};

/// A field that is known only once the pod has a place to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LateField {
    /// `status.podIP`
    PodIp,
    /// `status.podIPs`, joined by commas.
    PodIps,
    /// `status.hostIP`
    HostIp,
    /// `status.hostIPs`, joined by commas.
    HostIps,
}

impl LateField {
    /// The `fieldPath` that asks for it.
    pub fn field_path(self) -> &'static str {
        match self {
            Self::PodIp => "status.podIP",
            Self::PodIps => "status.podIPs",
            Self::HostIp => "status.hostIP",
            Self::HostIps => "status.hostIPs",
        }
    }

    /// Reads a `fieldPath`.
    pub fn parse(field_path: &str) -> Option<Self> {
        [Self::PodIp, Self::PodIps, Self::HostIp, Self::HostIps]
            .into_iter()
            .find(|field| field.field_path() == field_path)
    }
}

/// What is known of the late fields. The default is a pod without a place yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LateFields {
    /// The pod's addresses, the first one being `status.podIP`; `None` while nobody knows them. None at all is legal.
    pub pod_ips: Option<Vec<IpAddr>>,
    /// The addresses of the pod's host; `None` means those of the node.
    pub host_ips: Option<Vec<IpAddr>>,
}

impl LateFields {
    /// A pod with these addresses, ordered as the kubelet orders them: one of each family, that of the node first.
    pub fn with_pod_ips(pod_ips: &[IpAddr], node: &NodeFacts) -> Self {
        let first_is_v6 = node.host_ips.first().or(pod_ips.first()).is_some_and(IpAddr::is_ipv6);
        let of_family = |v6: bool| pod_ips.iter().find(move |ip| ip.is_ipv6() == v6).copied();
        let pod_ips = [of_family(first_is_v6), of_family(!first_is_v6)].into_iter().flatten().collect();
        Self { pod_ips: Some(pod_ips), host_ips: None }
    }

    /// The text of the field, or `None` while it is not known.
    pub fn text(&self, field: LateField) -> Option<String> {
        let first = |ips: &Vec<IpAddr>| ips.first().map(IpAddr::to_string).unwrap_or_default();
        let all = |ips: &Vec<IpAddr>| ips.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(",");
        match field {
            LateField::PodIp => self.pod_ips.as_ref().map(first),
            LateField::PodIps => self.pod_ips.as_ref().map(all),
            LateField::HostIp => self.host_ips.as_ref().map(first),
            LateField::HostIps => self.host_ips.as_ref().map(all),
        }
    }
}

/// Text with gaps that only the running pod can fill, as `http://$(POD_IP):80` becomes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LateValue {
    parts: Vec<LatePart>,
    secret: bool,
}

/// A piece of a [`LateValue`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LatePart {
    /// Text as it is.
    Text(String),
    /// A gap.
    Field(LateField),
}

impl LateValue {
    pub(super) fn new(parts: Vec<LatePart>, secret: bool) -> Self {
        Self { parts, secret }
    }

    /// Its pieces in order. May contain secrets: see [`Self::is_secret`].
    pub fn parts(&self) -> &[LatePart] {
        &self.parts
    }

    /// Whether some of its text comes from a Secret.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// The value with its gaps filled, or `None` while one of them is not known.
    pub fn fill(&self, late: &LateFields) -> Option<EnvValue> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                LatePart::Text(piece) => text.push_str(piece),
                LatePart::Field(field) => text.push_str(&late.text(*field)?),
            }
        }
        Some(if self.secret { EnvValue::Secret(SecretString::new(text)) } else { EnvValue::Literal(text) })
    }
}

impl From<LateField> for LateValue {
    fn from(field: LateField) -> Self {
        Self::new(vec![LatePart::Field(field)], false)
    }
}

impl fmt::Debug for LateValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { f.write_str("[redacted]") } else { f.debug_list().entries(&self.parts).finish() }
    }
}

//! [`Wanted`]: what a certificate must say.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use vk_core::node::{NodeAddress, NodeName};

/// A name or address that a server answers under (`subjectAltName`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlternativeName {
    /// A DNS name.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

impl fmt::Display for AlternativeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// A certificate that a node needs, in the terms of the
/// [signer](https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers) that
/// signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// What the kubelet API shows (`kubernetes.io/kubelet-serving`).
    Serving {
        /// The node.
        node: NodeName,
        /// What it is reached by; not empty.
        names: BTreeSet<AlternativeName>,
    },
    /// What the API server knows the node by (`kubernetes.io/kube-apiserver-client-kubelet`).
    Client {
        /// The node.
        node: NodeName,
    },
}

impl Wanted {
    /// A serving certificate for these addresses of the Node; `None` if there is none among them that a certificate can name.
    pub fn serving(node: NodeName, addresses: &[NodeAddress]) -> Option<Self> {
        let names: BTreeSet<_> = addresses.iter().filter_map(alternative_name).collect();
        (!names.is_empty()).then_some(Self::Serving { node, names })
    }

    /// The user that the certificate names.
    pub fn common_name(&self) -> String {
        let (Self::Serving { node, .. } | Self::Client { node }) = self;
        format!("system:node:{}", node.as_str())
    }

    /// The group that the certificate names.
    pub fn organization(&self) -> &'static str {
        "system:nodes"
    }

    /// The names and addresses that it must have at least.
    pub fn names(&self) -> BTreeSet<AlternativeName> {
        match self {
            Self::Serving { names, .. } => names.clone(),
            Self::Client { .. } => BTreeSet::new(),
        }
    }

    /// Who signs it.
    pub fn signer(&self) -> &'static str {
        match self {
            Self::Serving { .. } => "kubernetes.io/kubelet-serving",
            Self::Client { .. } => "kubernetes.io/kube-apiserver-client-kubelet",
        }
    }

    /// What it may be used for; keys here sign and never encipher.
    pub fn usages(&self) -> [&'static str; 2] {
        match self {
            Self::Serving { .. } => ["digital signature", "server auth"],
            Self::Client { .. } => ["digital signature", "client auth"],
        }
    }

    /// For messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Serving { .. } => "serving certificate",
            Self::Client { .. } => "client certificate",
        }
    }

    /// What files and requests of it are called, as a kubelet calls its files.
    pub fn stem(&self) -> &'static str {
        match self {
            Self::Serving { .. } => "kubelet-server",
            Self::Client { .. } => "kubelet-client",
        }
    }
}

fn alternative_name(address: &NodeAddress) -> Option<AlternativeName> {
    let text = address.address.as_str();
    match (address.kind.as_str(), text.parse()) {
        (_, Ok(ip)) => Some(AlternativeName::Ip(ip)),
        ("Hostname" | "InternalDNS" | "ExternalDNS", Err(_)) if is_dns_name(text) => {
            Some(AlternativeName::Dns(text.to_ascii_lowercase()))
        }
        _ => None,
    }
}

/// A subdomain (RFC 1123), in whatever case.
fn is_dns_name(text: &str) -> bool {
    NodeName::parse(&text.to_ascii_lowercase()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeName {
        NodeName::parse("virtual-1").unwrap()
    }

    fn address(kind: &str, address: &str) -> NodeAddress {
        NodeAddress { kind: kind.to_owned(), address: address.to_owned() }
    }

    #[test]
    fn the_nodes_addresses_are_the_names() {
        let addresses = [
            address("InternalIP", "10.0.0.1"),
            address("ExternalIP", "2001:db8::1"),
            address("Hostname", "Virtual-1"),
            address("Hostname", "10.0.0.1"),
            address("InternalDNS", "virtual-1.example"),
            address("ExternalDNS", "not a name"),
            address("InternalIP", "not-an-ip"),
        ];
        let names = Wanted::serving(node(), &addresses).unwrap().names();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["virtual-1", "virtual-1.example", "10.0.0.1", "2001:db8::1"]);
    }

    #[test]
    fn without_a_usable_address_nothing_is_wanted() {
        assert_eq!(Wanted::serving(node(), &[]), None);
        assert_eq!(Wanted::serving(node(), &[address("InternalIP", "nowhere")]), None);
    }

    #[test]
    fn a_node_is_known_as_the_signers_want_it() {
        let client = Wanted::Client { node: node() };
        assert_eq!((client.common_name().as_str(), client.organization()), ("system:node:virtual-1", "system:nodes"));
        assert_eq!(client.usages(), ["digital signature", "client auth"]);
        assert!(client.names().is_empty());
    }
}

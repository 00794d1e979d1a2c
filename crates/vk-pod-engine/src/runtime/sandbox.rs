//! [`SandboxSpec`]: the namespaces that the containers of a pod share.

use std::net::IpAddr;

use super::identity::PodIdentity;

/// A sandbox to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxSpec {
    /// Whose.
    pub pod: PodIdentity,
    /// Counts the sandboxes of this pod from 0.
    pub attempt: u32,
    /// The pod's host name: one DNS label.
    pub hostname: String,
    /// What follows the host name in the pod's fully qualified name; empty without `spec.subdomain`.
    pub domain: String,
    /// Name resolution.
    pub dns: Dns,
    /// `spec.hostAliases`.
    pub host_aliases: Vec<HostAlias>,
    /// Ports that the host forwards.
    pub ports: Vec<PortMapping>,
    /// Share the host's network instead of having one.
    pub host_network: bool,
    /// Share the host's IPC namespace.
    pub host_ipc: bool,
}

impl SandboxSpec {
    /// A sandbox of its own network, with the runtime's name resolution.
    pub fn new(pod: PodIdentity, attempt: u32) -> Self {
        let hostname = pod.name.clone();
        Self {
            pod,
            attempt,
            hostname,
            domain: String::new(),
            dns: Dns::default(),
            host_aliases: Vec::new(),
            ports: Vec::new(),
            host_network: false,
            host_ipc: false,
        }
    }
}

/// Content of `resolv.conf`; whatever is empty is the runtime's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dns {
    /// `nameserver` lines.
    pub servers: Vec<String>,
    /// The `search` line.
    pub searches: Vec<String>,
    /// The `options` line, as in `ndots:5`.
    pub options: Vec<String>,
}

/// Further names of an address, for `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAlias {
    /// The address.
    pub ip: IpAddr,
    /// Its names.
    pub names: Vec<String>,
}

/// A port of the host that leads to one of the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMapping {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
    /// In the pod.
    pub container_port: u16,
    /// On the host.
    pub host_port: u16,
    /// Address of the host; `None` means all.
    pub host_ip: Option<IpAddr>,
}

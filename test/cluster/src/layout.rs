//! Where a cluster's files lie and on which ports it listens.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::files::write_whole;
use crate::ports::free_ports;

const FILE: &str = "cluster.json";

/// What another process needs to know of a cluster, kept as `cluster.json` in its directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) directory: PathBuf,
    /// Where `kubectl` and the others lie.
    pub(crate) programs: PathBuf,
    /// The one address on which the API server listens.
    pub(crate) address: IpAddr,
    pub(crate) ports: Ports,
    pub(crate) api_server_flags: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) api_server: u16,
    etcd: u16,
    etcd_peer: u16,
}

impl Layout {
    /// Where cluster IPs are taken from.
    pub(crate) const SERVICE_RANGE: &'static str = "10.96.0.0/16";
    /// The first of them: the API server's own.
    pub(crate) const SERVICE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
    /// Where etcd listens, whatever the API server's address.
    const ETCD_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// Stands for the API server in its EndpointSlice, which refuses loopback addresses (RFC 5737, TEST-NET-1).
    const DOCUMENTATION_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    pub(crate) fn choose(
        directory: &Path,
        programs: &Path,
        address: IpAddr,
        api_server_flags: Vec<String>,
    ) -> Result<Self> {
        let [api_server] = free_ports(address)?;
        let [a, b, c] = free_ports(Self::ETCD_ADDRESS)?;
        let mut others = [a, b, c].into_iter().filter(|port| *port != api_server);
        let (etcd, etcd_peer) = others.next().zip(others.next()).context("no free ports for etcd")?;
        let ports = Ports { api_server, etcd, etcd_peer };
        Ok(Self { directory: directory.to_owned(), programs: programs.to_owned(), address, ports, api_server_flags })
    }

    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} does not describe a cluster", path.display()))
    }

    pub(crate) fn write(&self) -> Result<()> {
        write_whole(&self.directory.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    pub(crate) fn pki_directory(&self) -> PathBuf {
        self.directory.join("pki")
    }

    pub(crate) fn pki(&self, name: &str) -> String {
        self.pki_directory().join(name).display().to_string()
    }

    pub(crate) fn kubeconfig_path(&self, name: &str) -> PathBuf {
        self.directory.join("kubeconfig").join(name)
    }

    pub(crate) fn kubeconfig(&self, name: &str) -> String {
        self.kubeconfig_path(name).display().to_string()
    }

    pub(crate) fn api_server_url(&self) -> String {
        format!("https://{}", SocketAddr::new(self.address, self.ports.api_server))
    }

    /// Where clients inside the cluster are told to find the API server.
    pub(crate) fn advertised_address(&self) -> IpAddr {
        if self.address.is_loopback() { Self::DOCUMENTATION_ADDRESS } else { self.address }
    }

    pub(crate) fn etcd_url(&self) -> String {
        format!("https://{}", SocketAddr::new(Self::ETCD_ADDRESS, self.ports.etcd))
    }

    pub(crate) fn etcd_peer_url(&self) -> String {
        format!("https://{}", SocketAddr::new(Self::ETCD_ADDRESS, self.ports.etcd_peer))
    }

    pub(crate) fn etcd_socket(&self) -> SocketAddr {
        SocketAddr::new(Self::ETCD_ADDRESS, self.ports.etcd)
    }
}

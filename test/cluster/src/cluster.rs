//! A running cluster, seen from whoever uses it.

use std::env;
use std::net::IpAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::certificates::{self, CertificateContent, ServingCertificate};
use crate::guard;
use crate::layout::Layout;
use crate::service_account;

/// The environment variable that names a running cluster's directory.
pub const CLUSTER_VARIABLE: &str = "VK_TEST_CLUSTER";

/// Access to a running cluster. Any number of processes may hold one; the cluster lives as long as its
/// [`ControlPlane`](crate::ControlPlane), or until [`end`](crate::end).
#[derive(Debug, Clone)]
pub struct Cluster {
    layout: Layout,
}

impl Cluster {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout }
    }

    /// The cluster named by the environment variable `VK_TEST_CLUSTER`.
    ///
    /// # Errors
    /// When the variable is not set, or no cluster runs in the directory that it names.
    pub fn from_env() -> Result<Self> {
        let Some(directory) = env::var_os(CLUSTER_VARIABLE) else {
            bail!(
                "{CLUSTER_VARIABLE} is not set: run this through `cargo xtask test`, or start a cluster with \
                 `cargo xtask cluster up` and export what `cargo xtask cluster env` prints"
            );
        };
        Self::open(Path::new(&directory))
    }

    /// The cluster in this directory.
    ///
    /// # Errors
    /// When no cluster runs there.
    pub fn open(directory: &Path) -> Result<Self> {
        if !guard::is_guarded(directory) {
            bail!("no cluster runs in {}", directory.display());
        }
        Ok(Self::new(Layout::read(directory)?))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where everything of this cluster lies: certificates, kubeconfigs, data and logs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.layout.directory
    }

    /// The folder of the programs: `kubectl` and the components, of one version.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.layout.programs
    }

    /// The API server's URL, for example `https://127.0.0.1:20000`.
    #[must_use]
    pub fn server_url(&self) -> String {
        self.layout.api_server_url()
    }

    /// The one address on which the API server listens.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.layout.address
    }

    /// The environment variables that lead `kubectl` and tests to this cluster.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("KUBECONFIG", self.admin_kubeconfig()),
            // Without it kubectl leaves a cache for each test cluster in the user's home.
            ("KUBECACHEDIR", self.layout.directory.join("kubectl-cache")),
            (CLUSTER_VARIABLE, self.layout.directory.clone()),
        ]
    }

    /// A kubeconfig that may do anything (group `system:masters`).
    #[must_use]
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig_path("admin")
    }

    /// A kubeconfig as `system:node:<node>`, group `system:nodes`: what the node authorizer and NodeRestriction know.
    ///
    /// # Errors
    /// When the name is not a node's, or the file cannot be written.
    pub fn node_kubeconfig(&self, node: &str) -> Result<PathBuf> {
        check_node_name(node)?;
        let name = format!("node-{node}");
        let path = self.layout.kubeconfig_path(&name);
        if !path.exists() {
            certificates::issue_node_client(&self.layout, node, &name)?;
        }
        Ok(path)
    }

    /// A kubeconfig as a ServiceAccount that holds every ClusterRole of a manifest. The manifest is applied, the account and
    /// its bindings are made where they are missing; the namespace must exist. The token holds for a day.
    ///
    /// # Errors
    /// When `kubectl` fails, or the manifest holds no ClusterRole.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str, manifest: &Path) -> Result<PathBuf> {
        service_account::kubeconfig(self, namespace, name, manifest)
    }

    /// A certificate under which a node's kubelet API can listen at these addresses.
    ///
    /// # Errors
    /// When the name is not a node's, or the files cannot be written.
    pub fn serving_certificate(&self, node: &str, addresses: &[IpAddr]) -> Result<ServingCertificate> {
        check_node_name(node)?;
        certificates::issue_node_server(&self.layout, node, addresses)
    }

    /// A certificate of the cluster's authority with any content, for tests of those who look at it: key and chain, PEM.
    ///
    /// # Errors
    /// When the authority's files cannot be read.
    pub fn certificate(&self, content: &CertificateContent<'_>) -> Result<String> {
        certificates::issue(&self.layout, content)
    }

    /// `kubectl` of the cluster's own version, as the administrator.
    #[must_use]
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(self.layout.programs.join("kubectl"));
        command.envs(self.environment());
        command
    }

    /// The authority that signs what this cluster's components and nodes show each other.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.layout.pki_directory().join("ca.crt")
    }

    /// The certificate and the key under which the API server calls kubelets: the role `system:kubelet-api-admin`.
    #[must_use]
    pub fn kubelet_client(&self) -> (PathBuf, PathBuf) {
        let pki = self.layout.pki_directory();
        (pki.join("apiserver-kubelet-client.crt"), pki.join("apiserver-kubelet-client.key"))
    }

    /// Runs `kubectl` with these arguments and answers with what it printed.
    ///
    /// # Errors
    /// When it fails; the error holds what it said.
    pub fn run_kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.kubectl();
        command.args(arguments).stdin(Stdio::null());
        let output = command.output().context("cannot start kubectl")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("kubectl {}: {}: {}", arguments.join(" "), output.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Lets a process that is about to be started end with this cluster at the latest, however whoever starts it ends.
    ///
    /// # Errors
    /// When the cluster does not run any more.
    pub fn guard(&self, command: &mut Command) -> Result<()> {
        let group = guard::group_of(&self.layout.directory).context("the cluster has ended")?;
        command.process_group(group);
        Ok(())
    }

    /// Whether the API server says that it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.run_kubectl(&["get", "--raw=/readyz", "--request-timeout=5s"]).is_ok()
    }
}

/// Node names are [DNS subdomain
/// names](https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names); ours also become
/// file names.
fn check_node_name(name: &str) -> Result<()> {
    let label = |label: &str| {
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = label.as_bytes();
        bytes.iter().all(|byte| inner(byte) || *byte == b'-')
            && bytes.first().is_some_and(inner)
            && bytes.last().is_some_and(inner)
    };
    if name.len() > 253 || !name.split('.').all(label) {
        bail!(
            "{name:?} is not a node name: it must be a DNS subdomain name of lower-case letters, digits, '-' and '.'"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_are_dns_subdomain_names() {
        for good in ["a", "vk-1", "node-1.example.com"] {
            check_node_name(good).unwrap();
        }
        for bad in ["", "A", "a..b", "-a", "a-", "../a", "a/b", "a b", &"a".repeat(254)] {
            assert!(check_node_name(bad).is_err(), "{bad:?}");
        }
    }
}

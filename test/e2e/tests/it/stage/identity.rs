//! The two identities under which an agent can run.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use test_cluster::Cluster;

/// Whom the API server takes the agent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// `system:node:NAME`.
    Node,
    /// The ServiceAccount of the shipped manifest.
    ServiceAccount,
}

impl Identity {
    /// The kubeconfig that proves it.
    pub(crate) fn kubeconfig(self, cluster: &Cluster, node: &str) -> PathBuf {
        match self {
            Self::Node => cluster.node_kubeconfig(node).unwrap(),
            Self::ServiceAccount => service_account(cluster),
        }
    }
}

fn service_account(cluster: &Cluster) -> PathBuf {
    // One for each cluster would do, but only the shared one is used by many tests at once.
    static SHARED: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    let make =
        || cluster.service_account_kubeconfig("virtual-kubelet", "virtual-kubelet", &shipped_manifest()).unwrap();
    let (of, kubeconfig) = SHARED.get_or_init(|| (cluster.directory().to_owned(), make()));
    if of == cluster.directory() { kubeconfig.clone() } else { make() }
}

/// The manifest that users apply.
pub(crate) fn shipped_manifest() -> PathBuf {
    // Not a path fixed at compile time: clones that share a target directory share what was compiled.
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
    Path::new(&package).join("../../deploy/rbac/virtual-kubelet.yaml")
}

/// Makes two tests of each scenario, one for each identity under which an agent can run.
macro_rules! under_both_identities {
    ($($scenario:ident)*) => {
        mod as_node {
            $(#[test] fn $scenario() { super::$scenario($crate::stage::Identity::Node); })*
        }
        mod as_service_account {
            $(#[test] fn $scenario() { super::$scenario($crate::stage::Identity::ServiceAccount); })*
        }
    };
}

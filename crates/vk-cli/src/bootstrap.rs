//! TLS bootstrap: how a node that has no client certificate yet comes by one, and keeps it.
//! <https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/>

mod kubeconfig_file;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kube::{Client, Config};
use tokio::runtime::Handle;
use tokio::sync::watch;
use virtual_kubelet::certificate_requests::{CertificateStore, Keeper, Source, Wanted};
use virtual_kubelet::controller::env::{Env, Random};
use virtual_kubelet::{ScopedSpawner, SystemClock, tell_of_certificates};
use vk_core::node::NodeName;

use crate::clients::Clients;
use crate::kubeconfig::{self, ConnectionError};
use kubeconfig_file::{Standing, standing, written};

/// What the files of client certificates are called, as a kubelet's.
const STEM: &str = "kubelet-client";

/// Why there is no kubeconfig.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    #[error("--bootstrap-kubeconfig: {0}")]
    Bootstrap(ConnectionError),
    #[error("--bootstrap-kubeconfig: no client for the API server: {0}")]
    Client(kube::Error),
    #[error("--kubeconfig: {} cannot be written: {error}", path.display())]
    Unwritable { path: PathBuf, error: io::Error },
}

/// The node's client certificate and where it is kept.
pub(crate) struct ClientCertificate {
    node: NodeName,
    directory: PathBuf,
}

impl ClientCertificate {
    /// The certificate of this node, in this directory.
    pub(crate) fn new(node: NodeName, directory: PathBuf) -> Self {
        Self { node, directory }
    }

    /// Where certificates are kept.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn store(&self) -> CertificateStore {
        CertificateStore::new(&self.directory, STEM)
    }

    /// Sees to it that the kubeconfig is there and names a certificate that works: if not, asks for one with the bootstrap
    /// kubeconfig, waits for its approval, and writes the kubeconfig.
    pub(crate) async fn bootstrap(&self, bootstrap: &Path, kubeconfig: &Path) -> Result<(), BootstrapError> {
        match standing(kubeconfig, Timestamp::now()) {
            Standing::Good => return Ok(()),
            Standing::Absent => {}
            Standing::Unusable(why) => {
                tracing::warn!(kubeconfig = %kubeconfig.display(), why, "the kubeconfig is no good: it is made anew");
            }
        }
        let config = kubeconfig::from_file(bootstrap).await.map_err(BootstrapError::Bootstrap)?;
        let client = Client::try_from(config).map_err(BootstrapError::Client)?;
        tracing::info!(bootstrap = %bootstrap.display(), "asking for the node's first client certificate");
        self.keeper(client).obtain(&self.wanted()).await;
        let write = || written(bootstrap, kubeconfig, &self.store().current_path());
        write().map_err(|error| BootstrapError::Unwritable { path: kubeconfig.to_owned(), error })?;
        tracing::info!(kubeconfig = %kubeconfig.display(), "wrote the kubeconfig");
        Ok(())
    }

    /// Whether this is the certificate that a kubeconfig names.
    pub(crate) fn is_of(&self, config: &Config) -> bool {
        config.auth_info.client_certificate.as_deref().map(Path::new) == Some(self.store().current_path().as_path())
    }

    /// Renews the certificate from now on. The clients' connections follow.
    pub(crate) fn rotate(&self, clients: Clients) -> kube::Result<Clients> {
        let (renewed, seen) = watch::channel(0);
        let clients = clients.renewed_with(seen);
        let keeper = self.keeper(clients.make()?);
        let (wanted, wish) = watch::channel(Some(self.wanted()));
        let mut issued = keeper.issued();
        tokio::spawn(async move {
            let passed_on = async {
                while issued.changed().await.is_ok() {
                    renewed.send_replace(*issued.borrow_and_update());
                }
            };
            tokio::join!(keeper.run(wish), passed_on);
            drop(wanted);
        });
        Ok(clients)
    }

    fn keeper(&self, client: Client) -> Keeper {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), STEM);
        let spawner = Arc::new(ScopedSpawner::new(Handle::current()));
        let env = Env::new(Arc::new(SystemClock), Random::seeded(seed), spawner);
        Keeper::new(self.store(), Source::cluster(client), env, tell_of_certificates(self.node.to_string(), None))
    }

    fn wanted(&self) -> Wanted {
        Wanted::Client { node: self.node.clone() }
    }
}

//! The serving certificate, where the agent sees to it itself.

use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;
use vk_certificates::{CertificateStore, Keeper, Notice, Source, Tell, Wanted};
use vk_controller::env::Env;
use vk_controller::events::{EventRecorder, tell_of_node, warning_if};
use vk_controller::node::NodeStatus;
use vk_core::node::NodeName;

/// What the files of serving certificates are called, by who signs them: one does not stand in for the other.
const REQUESTED: &str = "kubelet-server";
const SELF_SIGNED: &str = "kubelet-self-signed";

/// A serving certificate for the node's addresses, kept in a directory, renewed in time and when the addresses change.
#[derive(Debug, Clone)]
pub struct ServingCertificate {
    store: CertificateStore,
    requested: bool,
}

impl ServingCertificate {
    /// The cluster signs it (`kubernetes.io/kubelet-serving`), once somebody approves.
    pub fn requested(directory: impl Into<PathBuf>) -> Self {
        Self { store: CertificateStore::new(directory, REQUESTED), requested: true }
    }

    /// Its own key signs it: clients cannot tell the node from somebody in between.
    pub fn self_signed(directory: impl Into<PathBuf>) -> Self {
        Self { store: CertificateStore::new(directory, SELF_SIGNED), requested: false }
    }

    /// The file with chain and key; it may not be there yet.
    pub fn path(&self) -> PathBuf {
        self.store.current_path()
    }

    /// Keeps it for as long as the node is kept.
    pub(crate) fn keep(
        self,
        env: &Env,
        client: Client,
        node: NodeName,
        status: watch::Receiver<NodeStatus>,
        tell: Tell,
    ) -> impl Future<Output = ()> + Send + use<> {
        let source = if self.requested { Source::cluster(client) } else { Source::OwnKey };
        let keeper = Keeper::new(self.store, source, env.clone(), tell);
        let (wanted, wish) = watch::channel(None);
        async move {
            tokio::select! {
                biased;
                () = keeper.run(wish) => {}
                () = follow_addresses(node, status, wanted) => {}
            }
        }
    }
}

/// Until the provider has described its node, its addresses are not known.
async fn follow_addresses(
    node: NodeName,
    mut status: watch::Receiver<NodeStatus>,
    wanted: watch::Sender<Option<Wanted>>,
) {
    let mut warned = false;
    loop {
        let addresses = status.borrow_and_update().addresses.clone();
        let wish = addresses.as_ref().and_then(|addresses| Wanted::serving(node.clone(), addresses));
        if addresses.is_some() && wish.is_none() && !std::mem::replace(&mut warned, true) {
            tracing::warn!("the node has no address that a serving certificate could name: give --node-ip");
        }
        wanted.send_if_modified(|known| {
            let changes = *known != wish;
            *known = wish;
            changes
        });
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Tells what becomes of the certificates of the node of this name: the log, and, with a recorder, Events of the Node.
pub fn tell_of_certificates(node_name: impl Into<String>, recorder: Option<EventRecorder>) -> Tell {
    let node_name = node_name.into();
    Arc::new(move |notice: &Notice| {
        tell_of_node(recorder.as_ref(), &node_name, warning_if(notice.is_warning()), notice.reason(), notice);
    })
}

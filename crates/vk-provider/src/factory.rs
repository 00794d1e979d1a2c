//! [`ProviderFactory`]: how a program finds its providers by name and opens one.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vk_core::support::SupportTable;
use vk_core::{ClusterId, Result};

use crate::erased::{BoxNodeProvider, BoxProvider};

/// Opens a provider. Each provider's configuration format and environment variables belong to its factory.
pub trait ProviderFactory: Send + Sync {
    /// Short lower-case name, as in `--provider docker`.
    fn name(&self) -> &'static str;

    /// One sentence for `virtual-kubelet providers`.
    fn summary(&self) -> &'static str;

    /// The fields that the provider honours, as far as that is known without opening it.
    fn support(&self) -> SupportTable;

    /// Whether the back end that is used without any configuration answers now. `virtual-kubelet dev` asks it, to find the
    /// best provider on a machine: the first one that says so is taken.
    fn answers(&self) -> BoxFuture<'_, bool> {
        futures::future::ready(true).boxed()
    }

    /// Opens the provider for one node.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Invalid`] with file, line and field if the configuration is wrong. A back end that does not
    /// answer is no error here: the node registers, and a condition says what is amiss.
    fn open(&self, config: ConfigDocument, node: NodeContext) -> BoxFuture<'_, Result<(BoxProvider, BoxNodeProvider)>>;
}

/// A provider's configuration file, unread as far as its format goes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConfigDocument {
    /// Where it came from, for messages; `None` if no file was named.
    pub path: Option<PathBuf>,
    /// Its text.
    pub text: String,
}

impl ConfigDocument {
    /// The text of this file.
    pub fn new(path: Option<PathBuf>, text: impl Into<String>) -> Self {
        Self { path, text: text.into() }
    }

    /// Whether no configuration was given.
    pub fn is_absent(&self) -> bool {
        self.path.is_none() && self.text.trim().is_empty()
    }

    /// The file's name for messages.
    pub fn source(&self) -> String {
        self.path.as_ref().map_or_else(|| "provider configuration".to_owned(), |path| path.display().to_string())
    }
}

/// The node that a provider is opened for.
#[derive(Clone)]
#[non_exhaustive]
pub struct NodeContext {
    /// Part of every owner label, so that two clusters can share a back end.
    pub cluster_id: ClusterId,
    /// The node's name: the other part of every owner label.
    pub node_name: String,
    /// `--cluster-domain`, as in `cluster.local`.
    pub cluster_domain: String,
    /// Addresses of the cluster's DNS service, for `dnsPolicy: ClusterFirst`; may be empty.
    pub cluster_dns: Vec<String>,
    /// Where the provider may keep files; lives as long as the node.
    pub state_dir: PathBuf,
    /// Cancelled when the agent ends. Pods keep running.
    pub shutdown: CancellationToken,
    /// What must still be done once the agent ends, as hanging up on commands whose clients are cut off then. The agent waits
    /// for it after its streams have ended, for no longer than [`NodeContext::LAST_TASKS_WITHIN`].
    pub last_tasks: TaskTracker,
}

impl NodeContext {
    /// How long the agent's end may take for [`NodeContext::last_tasks`].
    pub const LAST_TASKS_WITHIN: Duration = Duration::from_secs(10);

    /// A node in this cluster that keeps its files there; domain `cluster.local`, no cluster DNS.
    pub fn new(cluster_id: ClusterId, node_name: impl Into<String>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            cluster_id,
            node_name: node_name.into(),
            cluster_domain: "cluster.local".to_owned(),
            cluster_dns: Vec::new(),
            state_dir: state_dir.into(),
            shutdown: CancellationToken::new(),
            last_tasks: TaskTracker::new(),
        }
    }
}

impl fmt::Debug for NodeContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeContext")
            .field("cluster_id", &self.cluster_id)
            .field("node_name", &self.node_name)
            .field("state_dir", &self.state_dir)
            .finish_non_exhaustive()
    }
}

//! How a server is set up.

use std::time::Duration;

/// Settings of a [`super::Kernel`]. The defaults are a fresh cluster with a controller-manager but no scheduler.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Where UIDs, name suffixes and jitter start from.
    pub seed: u64,
    /// How many writes of each kind are remembered for watches and paged lists.
    pub history_limit: usize,
    /// How many requests are remembered for tests.
    pub request_limit: usize,
    /// How long after a write the node authorizer knows of it.
    pub graph_lag: Duration,
    /// How often an idle watch gets a bookmark.
    pub bookmark_interval: Duration,
    /// How many events a watch may be behind its reader before the server ends it, as kube-apiserver does with clients
    /// that read too slowly. By default nothing but the history's end limits it.
    pub slow_watch_limit: Option<usize>,
    /// Whether pods get a ServiceAccount and its token volume on creation.
    pub service_account_admission: bool,
    /// What runs beside the API server.
    pub controllers: Controllers,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            history_limit: 100_000,
            request_limit: 100_000,
            graph_lag: Duration::ZERO,
            bookmark_interval: Duration::from_secs(60),
            slow_watch_limit: None,
            service_account_admission: true,
            controllers: Controllers::default(),
        }
    }
}

/// The controllers that act within the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Controllers {
    /// Gives each namespace its `default` ServiceAccount and `kube-root-ca.crt`.
    pub namespace_defaults: bool,
    /// Empties and removes namespaces that are being deleted.
    pub namespace_deletion: bool,
    /// Deletes what lost its owners, and carries out foreground deletion and orphaning.
    pub garbage_collection: bool,
    /// Lets claims and volumes go that are being deleted, once nothing uses them.
    pub volume_protection: bool,
    /// Adds and removes `node.kubernetes.io/not-ready` and `unreachable` taints; sets nodes Unknown after their lease
    /// ran out.
    pub node_lifecycle: bool,
    /// Evicts from nodes with `NoExecute` taints what does not tolerate them.
    pub taint_eviction: bool,
    /// Binds pods that have no node.
    pub scheduler: bool,
    /// Deletes pods whose node is gone, after a quarantine.
    pub pod_garbage_collection: bool,
    /// Makes the pods of Jobs that run without an index, and counts how they ended.
    pub jobs: bool,
}

impl Controllers {
    /// Everything that there is.
    #[must_use]
    pub fn all() -> Self {
        Self {
            namespace_defaults: true,
            namespace_deletion: true,
            garbage_collection: true,
            volume_protection: true,
            node_lifecycle: true,
            taint_eviction: true,
            scheduler: true,
            pod_garbage_collection: true,
            jobs: true,
        }
    }

    /// The API server alone.
    #[must_use]
    pub fn none() -> Self {
        Self {
            namespace_defaults: false,
            namespace_deletion: false,
            garbage_collection: false,
            volume_protection: false,
            node_lifecycle: false,
            taint_eviction: false,
            scheduler: false,
            pod_garbage_collection: false,
            jobs: false,
        }
    }
}

impl Default for Controllers {
    fn default() -> Self {
        Self {
            namespace_defaults: true,
            namespace_deletion: true,
            garbage_collection: true,
            volume_protection: true,
            ..Self::none()
        }
    }
}

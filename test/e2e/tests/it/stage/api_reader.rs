//! Reading the API quickly: tests look often, and a process for each look would take more than what they look at.

use std::path::Path;

use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use test_cluster::Cluster;
use tokio::runtime::{Builder, Runtime};

/// Reads as the administrator.
pub(crate) struct ApiReader {
    runtime: Runtime,
    client: Client,
}

impl ApiReader {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client =
            runtime.block_on(async { Client::try_from(client_config(&cluster.admin_kubeconfig()).await).unwrap() });
        Self { runtime, client }
    }

    /// What the API server answers, `None` being "not found".
    ///
    /// # Errors
    /// When it gives any other answer, or none.
    pub(crate) fn try_get(&self, path: &str) -> Result<Option<Value>, String> {
        let request = Request::get(path).body(Vec::new()).unwrap();
        match self.runtime.block_on(self.client.request::<Value>(request)) {
            Ok(value) => Ok(Some(value)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The same, where an answer is expected.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.try_get(path).unwrap()
    }
}

/// What a kubeconfig says. Retries are off, as they are in the agent.
pub(crate) async fn client_config(kubeconfig: &Path) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    config
}

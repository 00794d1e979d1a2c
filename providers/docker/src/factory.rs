//! [`DockerFactory`]: opens the provider.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use vk_core::support::SupportTable;
use vk_core::{Error, Result};
use vk_pod_engine::{EngineConfig, EngineEnv, PodEngine, RuntimeFeatures};
use vk_provider::{BoxNodeProvider, BoxProvider, ConfigDocument, NodeContext, ProviderFactory};

use crate::capabilities::AllowedCapabilities;
use crate::config::{ConfigError, DockerConfig};
use crate::connection::Connection;
use crate::labels::Owner;
use crate::network_probe::HostNetworkProbe;
use crate::node::DockerNode;
use crate::runtime::{DockerRuntime, RuntimeSettings, SCHEME};
use crate::support::support;
use crate::volumes::{HostPaths, LocalVolumeStore};

/// Opens the Docker provider: `--provider docker`.
#[derive(Debug, Clone, Copy, Default)]
pub struct DockerFactory;

impl DockerFactory {
    /// Opens the provider with its own type, for programs that want more of it than [`vk_provider::Provider`].
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Invalid`] if the configuration is wrong. Docker need not run yet.
    pub fn open_engine(config: &ConfigDocument, node: &NodeContext) -> Result<(PodEngine<DockerRuntime>, DockerNode)> {
        let parsed = DockerConfig::parse(config).map_err(invalid)?;
        let docker_host = std::env::var("DOCKER_HOST").ok();
        let endpoint = parsed.resolved_endpoint(&config.source(), docker_host).map_err(invalid)?;
        let root = parsed.volume_root.clone().unwrap_or_else(|| node.state_dir.join("volumes"));
        let store =
            LocalVolumeStore::new(root, endpoint.socket())?.with_host_paths_below(parsed.host_path_prefixes.clone());
        let connection = Connection::new(endpoint);
        let features = RuntimeFeatures::new(SCHEME, support(&parsed))
            .with_volumes(Arc::new(store))
            .with_sessions()
            .with_port_forward()
            .with_stats()
            .with_network_probe(Arc::new(HostNetworkProbe::new()?));
        let owner = Owner { cluster: node.cluster_id.to_string(), node: node.node_name.clone() };
        let settings = RuntimeSettings {
            allowed_capabilities: AllowedCapabilities::of(&parsed),
            pause_image: parsed.pause_image,
            network: parsed.network.unwrap_or_else(|| "bridge".to_owned()),
            allow_host_namespaces: parsed.allow_host_namespaces,
            allow_privileged: parsed.allow_privileged,
            host_paths: HostPaths::below(parsed.host_path_prefixes),
        };
        let runtime = DockerRuntime::new(connection.clone(), owner, features, settings, node.last_tasks.clone());
        let env = EngineEnv::new(Timestamp::now, |future| {
            // Ends with the engine's own shutdown.
            drop(tokio::spawn(future));
        });
        let engine = PodEngine::start(runtime, EngineConfig::of(node), env);
        Ok((engine, DockerNode::new(connection, parsed.capacity)))
    }
}

impl ProviderFactory for DockerFactory {
    fn name(&self) -> &'static str {
        SCHEME
    }

    fn summary(&self) -> &'static str {
        "runs pods in Docker (Engine API 1.41 or newer)"
    }

    fn support(&self) -> SupportTable {
        support(&DockerConfig::default())
    }

    fn answers(&self) -> BoxFuture<'_, bool> {
        async move {
            let docker_host = std::env::var("DOCKER_HOST").ok();
            let source = ConfigDocument::default().source();
            let Ok(endpoint) = DockerConfig::default().resolved_endpoint(&source, docker_host) else { return false };
            match Connection::new(endpoint).docker().await {
                Ok(docker) => docker.ping().await.is_ok(),
                Err(_) => false,
            }
        }
        .boxed()
    }

    fn open(&self, config: ConfigDocument, node: NodeContext) -> BoxFuture<'_, Result<(BoxProvider, BoxNodeProvider)>> {
        async move {
            let (engine, docker_node) = Self::open_engine(&config, &node)?;
            docker_node.refuse_wrong_version().await?;
            Ok((BoxProvider::new(engine), BoxNodeProvider::new(docker_node)))
        }
        .boxed()
    }
}

fn invalid(error: ConfigError) -> Error {
    Error::invalid(error.field(), error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vk_core::{ClusterId, ErrorKind};

    use super::*;
    use crate::fake_docker::FakeDocker;

    async fn open(docker: &FakeDocker) -> Result<()> {
        let state = tempfile::tempdir().unwrap();
        let config = json!({"endpoint": format!("unix://{}", docker.socket().display())}).to_string();
        let node = NodeContext::new(ClusterId::from("c"), "n", state.path());
        DockerFactory.open(ConfigDocument::new(None, config), node).await.map(drop)
    }

    #[tokio::test]
    async fn an_engine_that_is_too_old_keeps_the_agent_from_starting() {
        let docker = FakeDocker::start(json!({"Version": "19.03.15", "ApiVersion": "1.40", "MinAPIVersion": "1.12"}));
        let error = open(&docker).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid { field: "endpoint".to_owned() });
        for word in ["19.03.15", "1.40", "1.41", "upgrade it"] {
            assert!(error.message.contains(word), "{word} in {error}");
        }
        docker.replace(json!({"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}));
        open(&docker).await.unwrap();
    }

    #[tokio::test]
    async fn an_engine_that_does_not_run_yet_is_waited_for() {
        let docker = FakeDocker::start(json!({}));
        std::fs::remove_file(docker.socket()).unwrap();
        open(&docker).await.unwrap();
    }
}

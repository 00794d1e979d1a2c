//! [`DockerFactory`]: opens the provider.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use vk_core::support::SupportTable;
use vk_core::{Error, Result};
use vk_pod_engine::{EngineConfig, EngineEnv, PodEngine, RuntimeFeatures};
use vk_provider::{BoxNodeProvider, BoxProvider, ConfigDocument, NodeContext, ProviderFactory};

use crate::config::{ConfigError, DockerConfig};
use crate::connection::Connection;
use crate::labels::Owner;
use crate::node::DockerNode;
use crate::runtime::{DockerRuntime, SCHEME};
use crate::support::support;
use crate::volumes::LocalVolumeStore;

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
        let connection = Connection::new(endpoint);
        let root = parsed.volume_root.clone().unwrap_or_else(|| node.state_dir.join("volumes"));
        let store = LocalVolumeStore::new(root);
        let features = RuntimeFeatures::new(SCHEME, support(&parsed)).with_volumes(Arc::new(store));
        let owner = Owner { cluster: node.cluster_id.to_string(), node: node.node_name.clone() };
        let runtime = DockerRuntime::new(connection.clone(), owner, features, parsed.pause_image, parsed.network);
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

    fn open(&self, config: ConfigDocument, node: NodeContext) -> BoxFuture<'_, Result<(BoxProvider, BoxNodeProvider)>> {
        async move {
            let (engine, docker_node) = Self::open_engine(&config, &node)?;
            Ok((BoxProvider::new(engine), BoxNodeProvider::new(docker_node)))
        }
        .boxed()
    }
}

fn invalid(error: ConfigError) -> Error {
    Error::invalid(error.field(), error.to_string())
}

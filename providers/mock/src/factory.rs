//! [`MockFactory`]: `--provider mock`.

use std::path::Path;

use futures::future::BoxFuture;
use jiff::Timestamp;
use vk_core::support::SupportTable;
use vk_provider::{
    BoxNodeProvider, BoxProvider, ConfigDocument, Error, NaiveNodeProvider, NodeContext, ProviderFactory, Result,
};

use crate::config::NodeConfig;
use crate::provider::{MockProvider, NAME};

/// The file in the state directory that holds the pods.
const FILE: &str = "mock-pods.jsonl";

/// Opens the mock provider. Its configuration file is [`NodeConfig`]'s.
#[derive(Debug, Clone, Copy, Default)]
pub struct MockFactory;

impl ProviderFactory for MockFactory {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Runs nothing: pods are Running at once, or live as their annotations script it. For tests and load tests."
    }

    fn support(&self) -> SupportTable {
        crate::support()
    }

    fn open(&self, config: ConfigDocument, node: NodeContext) -> BoxFuture<'_, Result<(BoxProvider, BoxNodeProvider)>> {
        Box::pin(async move {
            let shape = NodeConfig::read(&config, &node.node_name)?.shape();
            let (provider, backend) = open_state(&node).await?;
            tokio::spawn(backend.run());
            Ok((BoxProvider::new(provider), BoxNodeProvider::new(NaiveNodeProvider::with_shape(shape))))
        })
    }
}

/// An empty state directory means that nothing is kept.
async fn open_state(node: &NodeContext) -> Result<(MockProvider, crate::MockBackend)> {
    let now = Timestamp::now();
    let name = node.node_name.clone();
    if node.state_dir.as_os_str().is_empty() {
        return Ok(MockProvider::in_memory(&name, now));
    }
    let file = node.state_dir.join(FILE);
    let open = move || {
        create_directory(file.parent())?;
        MockProvider::open(file, &name, now)
    };
    tokio::task::spawn_blocking(open).await.map_err(|error| Error::internal(error.to_string()))?
}

fn create_directory(directory: Option<&Path>) -> Result<()> {
    let Some(directory) = directory else { return Ok(()) };
    std::fs::create_dir_all(directory).map_err(|error| {
        Error::unavailable(format!(
            "cannot create {}: {error}: make it writable or name another --state-dir",
            directory.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use vk_core::ClusterId;
    use vk_provider::{ErrorKind, NodeProvider, Provider};

    use super::*;
    use crate::fixtures::{create, pod};

    fn context(state_dir: &Path) -> NodeContext {
        NodeContext::new(ClusterId::from("c"), "vk", state_dir)
    }

    #[tokio::test]
    async fn pods_are_kept_in_the_state_directory() {
        let root = tempfile::tempdir().unwrap();
        let state_dir = root.path().join("made/on/demand");
        let (provider, _) = MockFactory.open(ConfigDocument::default(), context(&state_dir)).await.unwrap();
        provider.create(create(&pod("a", "Always", &[]))).await.unwrap();
        let (again, _) = MockFactory.open(ConfigDocument::default(), context(&state_dir)).await.unwrap();
        assert_eq!(again.list(None).await.unwrap().pods.len(), 1);
    }

    #[tokio::test]
    async fn without_a_state_directory_pods_live_in_memory() {
        let (provider, _) = MockFactory.open(ConfigDocument::default(), context(Path::new(""))).await.unwrap();
        provider.create(create(&pod("a", "Always", &[]))).await.unwrap();
        assert_eq!(provider.list(None).await.unwrap().pods.len(), 1);
    }

    #[tokio::test]
    async fn the_configuration_shapes_the_node_or_is_refused() {
        let document = |text| ConfigDocument::new(Some("mock.json".into()), text);
        let (_, node) = MockFactory.open(document(r#"{"vk": {"pods": "7"}}"#), context(Path::new(""))).await.unwrap();
        assert_eq!(node.shape().await.unwrap().capacity["pods"].0, "7");
        let refused = MockFactory.open(document(r#"{"vk": {"pods": 7}}"#), context(Path::new(""))).await.unwrap_err();
        assert!(matches!(refused.kind, ErrorKind::Invalid { .. }));
    }

    #[tokio::test]
    async fn a_state_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = MockFactory.open(ConfigDocument::default(), context(&file.path().join("x"))).await.unwrap_err();
        assert!(error.message.contains("--state-dir"), "{error}");
    }
}

//! The nodes of a development cluster: each is the ordinary agent, with settings that fit.

use std::path::Path;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Run;
use super::cluster::Cluster;
use super::error::DevError;
use crate::environment::Environment;
use crate::flags::{Flags, IgnoredFlags};
use crate::options::Options;
use crate::run::{RunError, Start};

/// Agents that run, until one fails or they are stopped.
pub(super) struct Nodes {
    tasks: JoinSet<(String, Result<(), RunError>)>,
    shutdown: CancellationToken,
}

impl Nodes {
    pub(super) fn start(run: &Run<'_>, cluster: &Cluster, provider: &str) -> Result<Self, DevError> {
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        // A cluster of its own takes nothing from the environment that is meant for a real node.
        let environment = Environment::default();
        for number in 1..=run.flags.nodes {
            let name = format!("dev-{number}");
            let flags = flags(run, cluster, provider, &name)?;
            let options = Options::new(flags, &IgnoredFlags::default(), &[], &environment, run.providers)?;
            let (providers, environment) = (run.providers.clone(), environment.clone());
            let shutdown = shutdown.clone();
            tasks.spawn(async move {
                let start = Start::new(options, &environment, &providers, shutdown);
                (name, start.run_to_the_end().await)
            });
        }
        Ok(Self { tasks, shutdown })
    }

    /// Waits until a node ends although nobody stopped it, and says why.
    pub(super) async fn failure(&mut self) -> DevError {
        match self.tasks.join_next().await {
            Some(Ok((name, Err(error)))) => DevError::Node { name, error: Box::new(error) },
            Some(Ok((name, Ok(())))) => DevError::Defect(format!("node {name} ended by itself")),
            Some(Err(error)) => DevError::Defect(error.to_string()),
            None => std::future::pending().await,
        }
    }

    /// Ends all nodes in good order. Pods that are there run on.
    pub(super) async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok((name, Err(error))) = ended {
                tracing::warn!(node = name, %error, "the node's end was not in good order");
            }
        }
    }
}

fn flags(run: &Run<'_>, cluster: &Cluster, provider: &str, name: &str) -> Result<Flags, DevError> {
    let files = cluster.node_files(name, run.files)?;
    let text = |path: &Path| Some(path.to_string_lossy().into_owned());
    Ok(Flags {
        nodename: Some(name.to_owned()),
        provider: Some(provider.to_owned()),
        provider_config: run.flags.provider_config.as_deref().and_then(text),
        node_ip: vec!["127.0.0.1".to_owned()],
        disable_taint: Some(true),
        state_dir: text(&run.files.nodes()),
        kubeconfig: text(&files.kubeconfig),
        cluster_id: Some(run.files.cluster_id()?),
        listen_address: Some("127.0.0.1:0".to_owned()),
        tls_cert_file: text(&files.certificate),
        tls_private_key_file: text(&files.key),
        client_verify_ca: text(&files.client_ca),
        metrics_addr: Some(String::new()),
        ..Flags::default()
    })
}

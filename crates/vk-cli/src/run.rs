//! From [`Options`] to a running agent, and to its end.

mod error;
mod node;

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kube::Config;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::Layer;
use virtual_kubelet::{Agent, RunningNode};
use vk_core::ClusterId;
use vk_core::node::NodeName;
use vk_provider::{BoxNodeProvider, BoxProvider, ConfigDocument, NodeContext};

use crate::admin::{self, Readiness};
use crate::bootstrap::ClientCertificate;
use crate::clients::Clients;
use crate::environment::Environment;
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::options::{MetricsAddress, Options};
use crate::providers::Providers;
pub(crate) use crate::run::error::RunError;
use crate::signals::Signals;
use crate::state_directory::StateDirectory;
use crate::{api_server, identity, kubeconfig, node_address, open_files};

/// A provider's configuration is read whole, so it has an end.
const PROVIDER_CONFIG_BYTES: u64 = 4 << 20;
/// What the lease's release may take beyond `--drain-timeout`.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Runs the agent until it fails or a signal ends it.
pub(crate) fn blocking(
    logging: Logging,
    options: Options,
    environment: &Environment,
    providers: &Providers,
) -> ExitCode {
    if let Err(error) = logging.start() {
        return crate::complaint(format_args!("cannot log: {error}"), 1);
    }
    open_files::raise_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return crate::complaint(format_args!("cannot start threads: {error}"), 1),
    };
    let code = runtime.block_on(until_signalled(options, environment, providers));
    // What hangs in a provider must not keep the process.
    runtime.shutdown_background();
    code
}

async fn until_signalled(options: Options, environment: &Environment, providers: &Providers) -> ExitCode {
    let shutdown = CancellationToken::new();
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return crate::complaint(format_args!("cannot receive signals: {error}"), 1),
    };
    let agent = Start::new(options, environment, providers, shutdown.clone());
    tokio::select! {
        biased;
        stop = signals.cancel_then_insist(shutdown) => ExitCode::from(stop.exit_code()),
        ended = agent.run_to_the_end() => match ended {
            Ok(()) => {
                tracing::info!("ended");
                ExitCode::SUCCESS
            }
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::from(error.exit_code())
            }
        },
    }
}

/// Everything that a start needs.
pub(crate) struct Start<'a> {
    options: Options,
    environment: &'a Environment,
    providers: &'a Providers,
    shutdown: CancellationToken,
    /// Of the provider.
    last_tasks: TaskTracker,
}

impl<'a> Start<'a> {
    pub(crate) fn new(
        options: Options,
        environment: &'a Environment,
        providers: &'a Providers,
        shutdown: CancellationToken,
    ) -> Self {
        Self { options, environment, providers, shutdown, last_tasks: TaskTracker::new() }
    }

    /// Runs the agent until it is shut down, or fails.
    pub(crate) async fn run_to_the_end(self) -> Result<(), RunError> {
        let ended = self.run().await;
        self.last_tasks.close();
        if tokio::time::timeout(NodeContext::LAST_TASKS_WITHIN, self.last_tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = self.last_tasks.len(),
                "the provider's last tasks took too long: commands of kubectl exec may run on"
            );
        }
        ended
    }

    async fn run(&self) -> Result<(), RunError> {
        for warning in &self.options.warnings {
            tracing::warn!(setting = warning.setting, "{}", warning.message);
        }
        let node = &self.options.node;
        tracing::info!(version = crate::VERSION, node = node.name, provider = node.provider, "starting");
        let metrics = Metrics::new(&node.name, &node.provider);
        let (readiness, ready) = watch::channel(Readiness::NotReady("starting".to_owned()));
        let _serving = self.serve_admin(&metrics, ready).await?;
        let document = provider_config(node.provider_config.as_deref()).await?;
        let state = self.state_directory().await?;
        let certificate = self.client_certificate(&state)?;
        let starting = async {
            let Some(config) = self.connect(&certificate, &readiness).await? else { return Ok(None) };
            self.start_node(config, document, &state, &certificate, &metrics, &readiness).await
        };
        let started = match self.options.cluster.startup_timeout {
            Some(timeout) => tokio::time::timeout(timeout, starting).await.map_err(|_| RunError::Late { timeout })?,
            None => starting.await,
        };
        let Some((agent, node)) = started? else { return Ok(()) };
        readiness.send_replace(Readiness::Ready);
        tracing::info!("ready");
        let ended = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => None,
            ended = node.ended() => Some(ended),
            () = follow(&node, &metrics) => None,
        };
        match ended {
            Some(Err(failure)) => {
                readiness.send_replace(Readiness::Failed(failure.to_string()));
                return Err(failure.into());
            }
            _ => self.stop(node).await,
        }
        drop(agent);
        Ok(())
    }

    /// Serves metrics and health for as long as the returned guard lives.
    async fn serve_admin(
        &self,
        metrics: &Metrics,
        ready: watch::Receiver<Readiness>,
    ) -> Result<Option<DropGuard>, RunError> {
        let (address, given) = match self.options.metrics {
            MetricsAddress::None => return Ok(None),
            MetricsAddress::Given(address) => (address, true),
            MetricsAddress::Default(address) => (address, false),
        };
        match address.bind().await {
            Ok(listener) => {
                // The port may have been for the system to choose.
                let bound = listener.local_addr().unwrap_or(address.socket_address());
                let end = CancellationToken::new();
                tokio::spawn(admin::serve(listener, Arc::new(metrics.clone()), ready, end.clone()));
                tracing::info!(address = %bound, "serving /metrics, /healthz and /readyz");
                Ok(Some(end.drop_guard()))
            }
            Err(error) if given => Err(RunError::Metrics { address, error }),
            Err(error) => {
                tracing::warn!(%address, %error, "metrics and health are not served: name a free address with --metrics-addr");
                Ok(None)
            }
        }
    }

    async fn state_directory(&self) -> Result<StateDirectory, RunError> {
        let (root, name) = (self.options.node.state_dir.clone(), self.options.node.name.clone());
        let opened = tokio::task::spawn_blocking(move || StateDirectory::open(&root, &name)).await;
        Ok(opened.map_err(|error| RunError::Defect(error.to_string()))??)
    }

    fn client_certificate(&self, state: &StateDirectory) -> Result<ClientCertificate, RunError> {
        let node = &self.options.node;
        let name = NodeName::parse(&node.name).map_err(|error| RunError::Defect(error.to_string()))?;
        let directory = node.certificate_dir.clone().unwrap_or_else(|| state.path().join("pki"));
        // Paths in a kubeconfig do not depend on where a program was started.
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        Ok(ClientCertificate::new(name, directory))
    }

    /// How to reach the API server, by TLS bootstrap if need be. `None` if the end came first.
    async fn connect(
        &self,
        certificate: &ClientCertificate,
        readiness: &watch::Sender<Readiness>,
    ) -> Result<Option<Config>, RunError> {
        let cluster = &self.options.cluster;
        if let (Some(bootstrap), Some(kubeconfig)) =
            (&cluster.client_certificate.bootstrap_kubeconfig, &cluster.kubeconfig)
        {
            let waiting = "waiting for the node's first client certificate";
            readiness.send_replace(Readiness::NotReady(waiting.to_owned()));
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(None),
                bootstrapped = certificate.bootstrap(bootstrap, kubeconfig) => bootstrapped?,
            }
        }
        Ok(Some(kubeconfig::load(cluster.kubeconfig.as_deref(), self.environment).await?))
    }

    /// Clients by this configuration, whose certificate is renewed if that was asked for.
    fn clients(
        &self,
        config: &Config,
        certificate: &ClientCertificate,
        metrics: &Metrics,
    ) -> Result<Clients, RunError> {
        let clients = Clients::new(config.clone(), metrics.api_requests.clone());
        if !self.options.cluster.client_certificate.rotate {
            return Ok(clients);
        }
        if !certificate.is_of(config) {
            tracing::warn!(
                "--rotate-certificates: the kubeconfig does not name the client certificate that --bootstrap-kubeconfig would \
                 keep in --cert-dir: whoever made it has to renew it"
            );
            return Ok(clients);
        }
        certificate.rotate(clients).map_err(|error| unusable(config, &error))
    }

    /// Brings the node up to its registration. `None` if the end came first.
    async fn start_node(
        &self,
        config: Config,
        document: ConfigDocument,
        state: &StateDirectory,
        certificate: &ClientCertificate,
        metrics: &Metrics,
        readiness: &watch::Sender<Readiness>,
    ) -> Result<Option<(Agent, RunningNode)>, RunError> {
        let starting = async {
            let server = config.cluster_url.to_string();
            let clients = self.clients(&config, certificate, metrics)?;
            let client = clients.make().map_err(|error| unusable(&config, &error))?;
            let id = api_server::wait(&client, &server, self.options.cluster.id.as_deref(), readiness).await?;
            readiness.send_replace(Readiness::NotReady("the node is not registered yet".to_owned()));
            let discovered = node::Discovered {
                addresses: self.addresses(&config).await,
                identity: identity::identify(&client).await,
                instance: state.instance().to_owned(),
                certificates: certificate.directory().to_owned(),
            };
            if self.options.node.deregister_on_exit {
                identity::check_deregistration(&client, &self.options.node.name).await;
            }
            let (provider, node_provider) = self.open_provider(document, ClusterId::from(id), state).await?;
            let provider = BoxProvider::new(metrics.provider_calls.layer(provider));
            let mut spec = node::spec(&self.options, discovered, provider, node_provider).await?;
            spec.metrics = Some(Arc::new(metrics.clone()));
            let agent = Agent::new(Arc::new(clients)).map_err(|error| RunError::Defect(error.to_string()))?;
            let node = agent.add_node(spec).await?;
            node.registered().await;
            Ok(Some((agent, node)))
        };
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(None),
            started = starting => started,
        }
    }

    /// Ends the node in good order, within bounds.
    async fn stop(&self, node: RunningNode) {
        if self.options.node.deregister_on_exit {
            warn_of_what_runs(&node).await;
        }
        let bound = self.options.drain_timeout + LAST_REQUESTS;
        if tokio::time::timeout(bound, node.stop()).await.is_err() {
            tracing::warn!(seconds = bound.as_secs(), "the end was not in good order: what was still under way is cut");
        }
    }

    /// The addresses that were given, or the one that leads to the API server.
    async fn addresses(&self, config: &Config) -> Vec<IpAddr> {
        let given = &self.options.node.addresses;
        if !given.is_empty() {
            return given.clone();
        }
        let host = config.cluster_url.host().unwrap_or_default();
        let port = config.cluster_url.port_u16().unwrap_or(443);
        let own = node_address::towards(host, port).await;
        if own.is_none() {
            tracing::warn!(
                "no address of this machine leads to the API server from outside, so the node has none and kubectl logs \
                 cannot reach it: give --node-ip"
            );
        }
        own.into_iter().collect()
    }

    async fn open_provider(
        &self,
        document: ConfigDocument,
        cluster_id: ClusterId,
        state: &StateDirectory,
    ) -> Result<(BoxProvider, BoxNodeProvider), RunError> {
        let Options { node, cluster, .. } = &self.options;
        let factory =
            self.providers.choose(Some(&node.provider)).map_err(|error| RunError::Defect(error.to_string()))?;
        let mut context = NodeContext::new(cluster_id, node.name.as_str(), state.path());
        context.cluster_domain.clone_from(&cluster.domain);
        context.cluster_dns = cluster.dns.iter().map(IpAddr::to_string).collect();
        context.shutdown = self.shutdown.clone();
        context.last_tasks = self.last_tasks.clone();
        let opened = factory.open(document, context).await;
        opened.map_err(|error| RunError::Provider { name: node.provider.clone(), error })
    }
}

/// Whoever deletes a Node under its pods should know.
async fn warn_of_what_runs(node: &RunningNode) {
    let entries = node.directory().all().await.unwrap_or_default();
    let running = entries.iter().filter(|pod| pod.observation.is_some() && !pod.snapshot.facts.phase.is_terminal());
    let running = running.count();
    if running > 0 {
        tracing::warn!(
            running,
            "pods run on, and with --deregister-on-exit the control plane deletes them from the API soon: what runs in the \
             back end then stays until an agent of this node's name collects it; kubectl drain moves pods away in time"
        );
    }
}

/// Shows what becomes of the node in metrics, until it ends.
async fn follow(node: &RunningNode, metrics: &Metrics) {
    let (mut status, mut orphans) = (node.status(), node.orphans());
    loop {
        {
            let status = status.borrow_and_update();
            metrics.node(status.registration.uid.is_some(), status.backend.is_reachable());
        }
        metrics.orphans.show(*orphans.borrow_and_update());
        let lives = tokio::select! {
            biased;
            changed = status.changed() => changed.is_ok(),
            changed = orphans.changed() => changed.is_ok(),
        };
        if !lives {
            return std::future::pending().await;
        }
    }
}

/// Kube does not say in which file it found what it cannot use.
fn unusable(config: &Config, error: &kube::Error) -> RunError {
    let error = api_server::chain(error);
    let file = config.auth_info.client_certificate.as_ref();
    RunError::Client { error: file.map_or_else(|| error.clone(), |file| format!("{file}: {error}")) }
}

async fn provider_config(path: Option<&Path>) -> Result<ConfigDocument, RunError> {
    let Some(path) = path else { return Ok(ConfigDocument::default()) };
    let failed = |error| RunError::ProviderConfig { path: path.to_owned(), error };
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let length = file.take(PROVIDER_CONFIG_BYTES + 1).read_to_string(&mut text).await.map_err(failed)?;
    if length as u64 > PROVIDER_CONFIG_BYTES {
        return Err(failed(std::io::Error::other("it is larger than 4 MiB")));
    }
    Ok(ConfigDocument::new(Some(path.to_owned()), text))
}

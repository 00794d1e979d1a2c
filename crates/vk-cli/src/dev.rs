//! `virtual-kubelet dev`: an API server, nodes and a kubeconfig, all in one process.

mod cluster;
mod command;
mod error;
mod files;
mod flags;
mod nodes;
mod pod_log;
mod provider;

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use flags::DevFlags;

use crate::environment::Environment;
use crate::error::UsageError;
use crate::listen::ListenAddress;
use crate::logging::Logging;
use crate::providers::Providers;
use crate::signals::Signals;
use cluster::Cluster;
use error::DevError;
use files::Files;
use nodes::Nodes;

/// Pods that do not end by themselves get this long at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs the cluster until it fails, its command has ended, or a signal ends it.
pub(crate) fn blocking(
    logging: Logging,
    flags: &DevFlags,
    environment: &Environment,
    providers: &Providers,
) -> Result<ExitCode, UsageError> {
    let address = flags.listen_address.parse().map_err(|error: String| UsageError::new("--listen-address", error))?;
    let files = Files::of(flags, environment)?;
    if let Some(name) = &flags.provider {
        providers.choose(Some(name))?;
    }
    if let Err(error) = logging.start() {
        return Ok(crate::complaint(format_args!("cannot log: {error}"), 1));
    }
    crate::open_files::raise_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(crate::complaint(format_args!("cannot start threads: {error}"), 1)),
    };
    let code = runtime.block_on(until_signalled(flags, address, &files, providers));
    // What hangs in a provider must not keep the process.
    runtime.shutdown_background();
    Ok(code)
}

async fn until_signalled(flags: &DevFlags, address: ListenAddress, files: &Files, providers: &Providers) -> ExitCode {
    let shutdown = CancellationToken::new();
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return crate::complaint(format_args!("cannot receive signals: {error}"), 1),
    };
    let run = Run { flags, address, files, providers, shutdown: shutdown.clone() };
    tokio::select! {
        biased;
        stop = signals.cancel_then_insist(shutdown) => ExitCode::from(stop.exit_code()),
        ended = run.run() => match ended {
            Ok(code) => code,
            Err(error) => crate::complaint(format_args!("{error}"), error.exit_code()),
        },
    }
}

/// One run of the cluster.
struct Run<'a> {
    flags: &'a DevFlags,
    address: ListenAddress,
    files: &'a Files,
    providers: &'a Providers,
    shutdown: CancellationToken,
}

impl Run<'_> {
    async fn run(self) -> Result<ExitCode, DevError> {
        let began = Instant::now();
        let lock = self.files.lock()?;
        let provider = provider::choose(self.providers, self.flags.provider.as_deref()).await?;
        let cluster = Cluster::start(self.address, self.files).await?;
        let mut nodes = Nodes::start(&self, &cluster, provider)?;
        let ready = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => false,
            failed = nodes.failure() => return Err(failed),
            () = cluster.nodes_are_ready(self.flags.nodes) => true,
        };
        let code = if ready {
            self.greet(&cluster, provider, began.elapsed());
            self.until_the_end(&cluster, &mut nodes).await?
        } else {
            ExitCode::SUCCESS
        };
        if !self.flags.keep {
            self.stop_pods(&cluster).await;
        }
        nodes.stop().await;
        drop(lock);
        Ok(code)
    }

    fn greet(&self, cluster: &Cluster, provider: &str, took: Duration) {
        let nodes = match self.flags.nodes {
            1 => "1 node".to_owned(),
            nodes => format!("{nodes} nodes"),
        };
        let ready = format!("{} with {nodes} ({provider}), ready after {:.1} s", cluster.url(), took.as_secs_f32());
        if self.flags.run {
            // What is printed is the command's.
            tracing::info!("{ready}");
        } else {
            println!("{ready}");
            println!("For development and tests: everything but what pods leave behind is kept in memory.\n");
            println!("  export KUBECONFIG={}", self.files.kubeconfig().display());
            println!("  kubectl get nodes");
            println!("  kubectl run hello --image=busybox --restart=Never -- echo hello");
            println!("  kubectl logs hello\n");
            let pods = if self.flags.keep { "lets the pods run" } else { "and the pods with it" };
            println!("Ctrl-C ends it, {pods}.\n");
        }
    }

    /// Until the command has ended, a node has failed, or somebody ends it.
    async fn until_the_end(&self, cluster: &Cluster, nodes: &mut Nodes) -> Result<ExitCode, DevError> {
        let command = async {
            if self.flags.run {
                command::run(&self.flags.command, self.files.kubeconfig(), &self.shutdown).await
            } else {
                self.shutdown.cancelled().await;
                Ok(ExitCode::SUCCESS)
            }
        };
        let followed =
            async { if self.flags.run { std::future::pending().await } else { pod_log::follow(cluster).await } };
        tokio::select! {
            biased;
            code = command => code,
            failed = nodes.failure() => Err(failed),
            never = followed => match never {},
        }
    }

    /// Deletes all pods and waits until they have gone.
    async fn stop_pods(&self, cluster: &Cluster) {
        let left = tokio::time::timeout(STOP_TIMEOUT, cluster.stop_pods()).await;
        if left.is_err() {
            tracing::warn!(seconds = STOP_TIMEOUT.as_secs(), "some pods have not ended in time; they may run on");
        }
    }
}

//! The agent that is measured, as a process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use test_cluster::Cluster;
use tokio::time::{Instant, sleep};

use crate::http_get::get;
use crate::process::Process;
use crate::requests::{Kind, Requests};

/// Far longer than anything here takes; a bound against waiting for ever.
const PATIENCE: Duration = Duration::from_secs(120);
const INTERVAL: Duration = Duration::from_millis(250);
/// An agent that has written nothing for this long has nothing left to write.
const QUIET: Duration = Duration::from_secs(2);
/// Lines of its log that are shown if something goes wrong.
const LAST_LINES: usize = 20;
/// An address for the node (RFC 5737, TEST-NET-1): nothing here calls the kubelet API.
const NODE_ADDRESS: &str = "192.0.2.10";

/// A running agent; it ends with this value, or with the cluster.
pub(crate) struct Agent {
    child: Child,
    metrics: SocketAddr,
    log: PathBuf,
}

impl Agent {
    /// Starts the program with the mock provider, as the node that it keeps, with everything else as it comes.
    pub(crate) fn start(cluster: &Cluster, binary: &Path, node: &str, pods: usize) -> Result<Self> {
        let directory = cluster.directory().join("bench").join(node);
        fs::create_dir_all(&directory)?;
        let config = directory.join("mock.json");
        fs::write(&config, json!({ node: { "cpu": "1000", "memory": "4Ti", "pods": pods.to_string() } }).to_string())?;
        let serving = cluster.serving_certificate(node, &[cluster.address()])?;
        let log = directory.join("virtual-kubelet.log");
        let output = File::create(&log)?;
        let metrics = free_address()?;
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());

        let mut command = Command::new(binary);
        command
            .args([
                format!("--nodename={node}"),
                "--provider=mock".to_owned(),
                flag("provider-config", &config),
                flag("kubeconfig", &cluster.node_kubeconfig(node)?),
                flag("client-verify-ca", &serving.client_ca),
                flag("state-dir", &directory.join("state")),
                format!("--node-ip={NODE_ADDRESS}"),
                format!("--listen-address={}:0", cluster.address()),
                format!("--metrics-addr={metrics}"),
            ])
            .env_clear()
            .env("HOME", &directory)
            .env("APISERVER_CERT_LOCATION", &serving.certificate)
            .env("APISERVER_KEY_LOCATION", &serving.key)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        cluster.guard(&mut command)?;
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self { child, metrics, log })
    }

    /// Waits until it says that its node takes pods.
    pub(crate) async fn until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.check()?;
            // Until it listens there is nobody to ask.
            if get(self.metrics, "/readyz").await.is_ok_and(|(status, _)| status.is_success()) {
                return Ok(());
            }
            sleep(INTERVAL).await;
        }
        bail!("the agent is not ready after {} s", PATIENCE.as_secs());
    }

    /// Waits until it has stopped writing to the API server; answers with when it last did.
    pub(crate) async fn until_quiet(&mut self) -> Result<Instant> {
        let begun = Instant::now();
        let mut newest = (Instant::now(), None);
        while begun.elapsed() < PATIENCE {
            self.check()?;
            let writes = Some(self.requests().await?.sum(Kind::is_write));
            if newest.1 != writes {
                newest = (Instant::now(), writes);
            } else if newest.0.elapsed() >= QUIET {
                return Ok(newest.0);
            }
            sleep(INTERVAL).await;
        }
        bail!("the agent still writes after {} s", PATIENCE.as_secs());
    }

    /// The requests that it has sent.
    pub(crate) async fn requests(&self) -> Result<Requests> {
        let (status, text) = get(self.metrics, "/metrics").await.context("the agent does not show its metrics")?;
        if !status.is_success() {
            bail!("the agent answers {status} when asked for its metrics");
        }
        Ok(Requests::of_agent(&text))
    }

    pub(crate) fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// Fails if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("virtual-kubelet has ended: {status}"),
            None => Ok(()),
        }
    }

    /// Warnings and errors in its log.
    pub(crate) fn complaints(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(&self.log)?;
        let complaint = |line: &&str| line.contains(" WARN ") || line.contains("ERROR ");
        Ok(text.lines().filter(complaint).map(str::to_owned).collect())
    }

    /// For an error: the end of its log.
    pub(crate) fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        format!("the log of virtual-kubelet ends with:\n{}", end.join("\n"))
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("virtual-kubelet did not end in order: {status}"),
                None => sleep(INTERVAL).await,
            }
        }
        bail!("virtual-kubelet still runs {} s after SIGTERM", PATIENCE.as_secs());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The agent does not tell which port it was given, so it is given one that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

//! The demo's `virtual-kubelet`.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use test_cluster::{Cluster, DockerEngine};

/// Lines of its log that are shown if something goes wrong.
const LAST_LINES: usize = 20;

/// A running agent; it ends with this value, or with the cluster.
pub(super) struct Agent {
    child: RefCell<Child>,
    arguments: Vec<String>,
    log: PathBuf,
}

impl Agent {
    /// Starts the program with Docker as its provider, under the identity of a node.
    pub(super) fn start(cluster: &Cluster, engine: &DockerEngine, binary: &Path, node: &str) -> Result<Self> {
        let directory = cluster.directory().join("demo");
        fs::create_dir_all(&directory)?;
        let serving = cluster.serving_certificate(node, &[cluster.address()])?;
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let arguments = vec![
            format!("--nodename={node}"),
            "--provider=docker".to_owned(),
            flag("kubeconfig", &cluster.node_kubeconfig(node)?),
            flag("client-verify-ca", &serving.client_ca),
            flag("state-dir", &directory.join("state")),
            // It is the only node: everything may go there.
            "--disable-taint".to_owned(),
            format!("--listen-address={}:0", cluster.address()),
            "--metrics-addr=127.0.0.1:0".to_owned(),
        ];
        let log = directory.join("virtual-kubelet.log");
        let output = File::create(&log)?;
        let mut command = Command::new(binary);
        command
            .args(&arguments)
            .env("DOCKER_HOST", engine.host())
            .env("APISERVER_CERT_LOCATION", &serving.certificate)
            .env("APISERVER_KEY_LOCATION", &serving.key)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        cluster.guard(&mut command)?;
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self { child: RefCell::new(child), arguments, log })
    }

    /// What a person would have typed.
    pub(super) fn command_line(&self) -> String {
        format!("virtual-kubelet {}", self.arguments.join(" "))
    }

    /// Fails if it has ended.
    pub(super) fn check(&self) -> Result<()> {
        match self.child.borrow_mut().try_wait()? {
            Some(status) => bail!("virtual-kubelet has ended: {status}"),
            None => Ok(()),
        }
    }

    /// Its log file.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// For an error: the end of its log.
    pub(super) fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        format!("the log of virtual-kubelet ends with:\n{}", end.join("\n"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        // Its pods end with the engine, a moment later.
        let ended = child.kill().and_then(|()| child.wait());
        if let Err(error) = ended {
            eprintln!("cannot end virtual-kubelet: {error}");
        }
    }
}

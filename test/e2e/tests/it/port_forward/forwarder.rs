//! `kubectl port-forward` as a process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use test_cluster::Clients;

use crate::stage::{Stage, eventually};

/// Values of [`WEB_SOCKETS`].
pub(crate) const WAYS: [&str; 2] = ["true", "false"];

/// Tells kubectl whether to try a WebSocket before SPDY.
const WEB_SOCKETS: &str = "KUBECTL_PORT_FORWARD_WEBSOCKETS";

/// The cluster's own kubectl, and one of four minor versions before.
pub(crate) fn kubectls(stage: &Stage) -> [PathBuf; 2] {
    [stage.environment().cluster.programs().join("kubectl"), Clients::build().unwrap().old_kubectl()]
}

/// Forwards until it is dropped.
pub(crate) struct Forwarder {
    process: Child,
    log: PathBuf,
    /// Where each port of the pod is found here.
    local: BTreeMap<String, u16>,
}

impl Forwarder {
    /// Forwards ports of a pod to free ones of this machine.
    pub(crate) fn start(kubectl: &Path, stage: &Stage, way: &str, pod: &str, ports: &[&str]) -> Self {
        Self::start_at(None, kubectl, stage, way, pod, ports)
    }

    /// The same by way of another server than the kubeconfig's.
    pub(crate) fn start_at(
        server: Option<&str>,
        kubectl: &Path,
        stage: &Stage,
        way: &str,
        pod: &str,
        ports: &[&str],
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        eprintln!("{}, {WEB_SOCKETS}={way}", kubectl.display());
        let log = stage.write(&format!("port-forward-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)), "");
        let output = File::options().append(true).open(&log).unwrap();
        let mut command = Command::new(kubectl);
        command
            .envs(stage.environment().cluster.environment())
            .env(WEB_SOCKETS, way)
            .args(["--namespace", stage.name(), "port-forward", &format!("pod/{pod}")])
            .args(ports.iter().map(|port| format!(":{port}")))
            .args(server.map(|server| format!("--server={server}")))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        stage.environment().cluster.guard(&mut command).unwrap();
        let mut this = Self { process: command.spawn().unwrap(), log, local: BTreeMap::new() };
        this.local = eventually("ports are forwarded", || {
            let local = local_ports(&this.said());
            if local.len() == ports.len() { Ok(local) } else { Err(this.said()) }
        });
        this
    }

    /// A connection to a port of the pod.
    pub(crate) fn connect(&self, port: &str) -> Result<TcpStream, String> {
        TcpStream::connect(("127.0.0.1", self.local[port])).map_err(|error| error.to_string())
    }

    /// What kubectl has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for a line that contains this.
    pub(crate) fn until_said(&self, wanted: &str) -> String {
        eventually(&format!("kubectl says {wanted:?}"), || {
            let said = self.said();
            said.lines().find(|line| line.contains(wanted)).map(str::to_owned).ok_or(said.clone())
        })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `Forwarding from 127.0.0.1:40001 -> 80`
fn local_ports(said: &str) -> BTreeMap<String, u16> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("Forwarding from 127.0.0.1:")?.split_once(" -> "));
    lines.filter_map(|(local, remote)| Some((remote.to_owned(), local.parse().ok()?))).collect()
}

//! Starting a control plane, and breaking it on purpose.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::certificates::{self, KUBELET_CLIENT};
use crate::cluster::Cluster;
use crate::component::Component;
use crate::deadline::Deadline;
use crate::guard::Guard;
use crate::layout::Layout;
use crate::logs::Logs;
use crate::process::Process;
use crate::programs::Programs;
use crate::service_account::{apply, binding};

/// How long a component may take to become ready: far more than it needs, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(120);
const INTERVAL: Duration = Duration::from_millis(100);

/// What can be chosen about a control plane.
#[derive(Debug, Clone)]
pub struct ControlPlaneOptions {
    /// Where to keep its files; must not exist yet. By default a new directory below the system's temporary one.
    pub directory: Option<PathBuf>,
    /// The address on which the API server listens, by default 127.0.0.1. Pods in containers can reach it at the address of
    /// the engine's bridge ([`DockerEngine::bridge_address`](crate::DockerEngine::bridge_address)).
    pub address: IpAddr,
    /// Further flags of `kube-apiserver`, for example `--feature-gates=…`.
    pub api_server_flags: Vec<String>,
}

impl Default for ControlPlaneOptions {
    fn default() -> Self {
        Self { directory: None, address: Ipv4Addr::LOCALHOST.into(), api_server_flags: Vec::new() }
    }
}

/// A control plane that this process owns. It ends with this value, or with this process, however that ends.
///
/// It dereferences to its [`Cluster`]: everything that a mere user of it can do.
#[derive(Debug)]
pub struct ControlPlane {
    // The order matters, as the fields are dropped in it: logs are printed, the guard ends the processes and removes the
    // directory, the exit statuses are collected.
    logs: Logs,
    guard: Guard,
    processes: BTreeMap<Component, Process>,
    cluster: Cluster,
}

impl ControlPlane {
    /// Starts a control plane and returns when it is ready: the API server says so, the controller-manager has made the
    /// default ServiceAccount, and the scheduler runs.
    ///
    /// # Errors
    /// When a component ends or is not ready in time; the error holds the end of its log.
    pub fn start(options: ControlPlaneOptions) -> Result<Self> {
        let programs = Programs::build()?;
        let guard = Guard::start(options.directory)?;
        let layout =
            Layout::choose(guard.directory(), programs.directory(), options.address, options.api_server_flags)?;
        certificates::issue_all(&layout)?;
        layout.write()?;
        let logs = Logs::below(guard.directory());
        let mut this = Self { logs, guard, processes: BTreeMap::new(), cluster: Cluster::new(layout) };
        for component in Component::ALL {
            this.start_component(component)?;
        }
        let kubelet_client = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": KUBELET_CLIENT });
        apply(&this.cluster, &binding(KUBELET_CLIENT, "system:kubelet-api-admin", kubelet_client))?;
        let account = ["get", "serviceaccount", "default", "--namespace=default", "--request-timeout=5s"];
        this.wait_until("the default ServiceAccount", |cluster| cluster.run_kubectl(&account).is_ok())?;
        Ok(this)
    }

    /// Leaves it running after this process: [`end`](crate::end) ends it.
    ///
    /// # Errors
    /// When it is already ending.
    pub fn detach(self) -> Result<Cluster> {
        let Self { guard, cluster, .. } = self;
        guard.detach()?;
        Ok(cluster)
    }

    /// Access to the cluster for those who do not own it.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Starts a component that was stopped or killed, with its data, on its port; returns when it serves.
    ///
    /// # Errors
    /// When it runs already, ends or is not ready in time.
    pub fn start_component(&mut self, component: Component) -> Result<()> {
        if self.processes.contains_key(&component) {
            bail!("{component} runs already");
        }
        let layout = self.cluster.layout();
        let mut command = Command::new(layout.programs.join(component.program()));
        // Settings of the user's that are meant for other control planes (ETCD_…, proxies) do not reach ours.
        command.args(component.arguments(layout)).env_clear().env("HOME", &layout.directory);
        let process = Process::start(command, &self.guard, component.program())?;
        self.processes.insert(component, process);
        match component {
            Component::Etcd => {
                let socket = self.cluster.layout().etcd_socket();
                self.wait_until("etcd", |_| TcpStream::connect(socket).is_ok())
            }
            Component::ApiServer => self.wait_until("the API server", Cluster::is_ready),
            Component::Scheduler | Component::ControllerManager => Ok(()),
        }
    }

    /// Ends a component in order (SIGTERM).
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop_component(&mut self, component: Component) -> Result<()> {
        self.take(component)?.stop()
    }

    /// Ends a component as a crash would (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_component(&mut self, component: Component) -> Result<()> {
        self.take(component)?.kill()
    }

    /// Freezes a component (SIGSTOP): connections are accepted by the kernel, and nothing answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause_component(&self, component: Component) -> Result<()> {
        self.get(component)?.pause()
    }

    /// Lets a paused component go on (SIGCONT).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume_component(&self, component: Component) -> Result<()> {
        self.get(component)?.resume()
    }

    fn get(&self, component: Component) -> Result<&Process> {
        self.processes.get(&component).with_context(|| format!("{component} does not run"))
    }

    fn take(&mut self, component: Component) -> Result<Process> {
        self.processes.remove(&component).with_context(|| format!("{component} does not run"))
    }

    /// Waits until `ready` holds. A component that ends meanwhile ends the wait.
    fn wait_until(&mut self, what: &str, ready: impl Fn(&Cluster) -> bool) -> Result<()> {
        let cluster = self.cluster.clone();
        let processes = &mut self.processes;
        let waited = Deadline::after(PATIENCE).poll(what, INTERVAL, || {
            for (component, process) in processes.iter_mut() {
                if let Some(status) = process.ended()? {
                    bail!("{component} ended: {status}");
                }
            }
            Ok(ready(&cluster).then_some(()))
        });
        waited.map_err(|error| error.context(self.logs.ends()))
    }
}

impl Deref for ControlPlane {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

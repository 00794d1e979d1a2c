//! Where a test plays: a namespace and a node of its own, the program that keeps the node, and a user's tools.

mod agent_process;
mod api_reader;
mod clients;
mod docker;
mod environment;
#[macro_use]
mod identity;
mod kubectl;
mod kubelet_port;
mod manifest;
mod patience;
mod pod_view;
mod splice;
mod terminal;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::{Value, json};
use test_cluster::Cluster;

pub(crate) use agent_process::AgentProcess;
pub(crate) use api_reader::{ApiReader, client_config};
pub(crate) use clients::{WEB_SOCKETS_OF_COMMANDS, clients};
pub(crate) use docker::Docker;
pub(crate) use environment::Environment;
pub(crate) use identity::{Identity, shipped_manifest};
pub(crate) use kubectl::Kubectl;
pub(crate) use kubelet_port::{Answer, Credentials, KubeletPort};
pub(crate) use manifest::{IMAGE, RUN_UNTIL_STOPPED, script, sleeper};
pub(crate) use patience::{eventually, eventually_within, seconds_of, within};
pub(crate) use pod_view::PodView;
pub(crate) use splice::pass;
pub(crate) use terminal::{Size, Terminal};

/// Node names become values of labels, which end at 63 characters.
const LONGEST_SLUG: usize = 45;

/// One test's corner of the cluster. When it is dropped, nothing of it remains.
pub(crate) struct Stage {
    environment: Environment,
    identity: Identity,
    /// Of the namespace and of the node.
    name: String,
    directory: PathBuf,
    kubectl: Kubectl,
    api: ApiReader,
    docker: Docker,
    agent: Option<AgentProcess>,
}

impl Stage {
    /// A namespace, and a name for a node. No agent runs yet.
    pub(crate) fn open(environment: &Environment, identity: Identity) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", slug(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = environment.cluster.directory().join("e2e").join(&name);
        fs::create_dir_all(directory.join("shared")).unwrap();
        let stage = Self {
            environment: environment.clone(),
            identity,
            directory,
            kubectl: Kubectl::new(&environment.cluster, &name),
            api: ApiReader::new(&environment.cluster),
            docker: Docker::new(&environment.docker_host, &name),
            name,
            agent: None,
        };
        stage.kubectl.run(&["create", "namespace", &stage.name]).unwrap();
        // Until its default ServiceAccount is there, a namespace takes no pods.
        eventually("the default ServiceAccount", || {
            stage.api.get(&stage.path("serviceaccounts/default")).ok_or_else(|| "not there".to_owned())
        });
        stage
    }

    /// A namespace and a ready node on Docker.
    pub(crate) fn with_docker_node(identity: Identity) -> Self {
        let mut stage = Self::open(&Environment::read(), identity);
        stage.start_docker_node();
        stage
    }

    /// A namespace and a ready node on the mock provider.
    pub(crate) fn with_mock_node(identity: Identity) -> Self {
        let mut stage = Self::open(&Environment::read(), identity);
        let mut command = stage.command("mock");
        stage.start(&mut command);
        stage.until_ready();
        stage
    }

    /// Where the node's kubelet API listens.
    pub(crate) fn kubelet_address(&self) -> SocketAddr {
        let port = self.node().unwrap()["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().unwrap();
        SocketAddr::new(self.environment.cluster.address(), u16::try_from(port).unwrap())
    }

    /// What the kubelet API answers to the administrator, by way of the API server.
    ///
    /// # Errors
    /// When it is no success: what kubectl complained of.
    pub(crate) fn kubelet(&self, path: &str) -> Result<String, String> {
        self.kubectl.run(&["get", "--raw", &format!("/api/v1/nodes/{}/proxy{path}", self.name)])
    }

    /// Starts an agent with Docker as provider and waits until its node is ready.
    pub(crate) fn start_docker_node(&mut self) {
        let mut command = self.docker_command();
        self.start(&mut command);
        self.until_ready();
    }

    /// The command that runs the agent with Docker as provider. Pods may mount [`Self::shared`] and kubectl's folder.
    pub(crate) fn docker_command(&self) -> Command {
        let prefixes = [self.shared(), self.environment.cluster.programs().to_owned()];
        let config = self.write("docker.json", &json!({ "host_path_prefixes": prefixes }).to_string());
        let mut command = self.command("docker");
        command.arg(format!("--provider-config={}", config.display()));
        command
    }

    /// The command that runs the agent with a provider, all settings but the provider's given.
    pub(crate) fn command(&self, provider: &str) -> Command {
        let address = self.environment.cluster.address();
        let serving = self.environment.cluster.serving_certificate(&self.name, &[address]).unwrap();
        let mut command = self.environment.program();
        command
            .arg(format!("--nodename={}", self.name))
            .arg(format!("--provider={provider}"))
            .arg(format!("--kubeconfig={}", self.kubeconfig().display()))
            .arg(format!("--state-dir={}", self.directory.join("state").display()))
            .arg(format!("--client-verify-ca={}", serving.client_ca.display()))
            // Tests run side by side, so each takes a free port.
            .arg(format!("--listen-address={address}:0"))
            .arg("--metrics-addr=")
            .env("APISERVER_CERT_LOCATION", &serving.certificate)
            .env("APISERVER_KEY_LOCATION", &serving.key);
        if address.is_loopback() {
            command.arg(format!("--node-ip={address}"));
        }
        command
    }

    /// The kubeconfig that proves the agent's identity.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.identity.kubeconfig(&self.environment.cluster, &self.name)
    }

    /// Starts the agent.
    pub(crate) fn start(&mut self, command: &mut Command) {
        assert!(self.agent.is_none(), "an agent runs already");
        let log = self.directory.join("virtual-kubelet.log");
        self.agent = Some(AgentProcess::start(command, &self.environment.cluster, &log));
    }

    /// Waits until the agent says that it is ready, and the cluster that the node is.
    pub(crate) fn until_ready(&mut self) {
        self.agent().until_log("ready");
        self.until_node("the node is ready", |node| condition(node, "Ready") == "True");
    }

    /// The agent that runs.
    pub(crate) fn agent(&mut self) -> &mut AgentProcess {
        self.agent.as_mut().unwrap()
    }

    /// Ends the agent at this very moment, as a crash would (SIGKILL).
    pub(crate) fn kill_agent(&mut self) {
        self.agent.take().unwrap().kill();
    }

    /// Asks the agent to end (SIGTERM) and returns its exit code.
    pub(crate) fn stop_agent(&mut self) -> Option<i32> {
        self.agent.take().unwrap().terminate()
    }

    /// What tests share.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The node's name, which is the namespace's too.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `kubectl` in the test's namespace.
    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// That one, and one of four minor versions before.
    pub(crate) fn kubectls(&self) -> [Kubectl; 2] {
        [self.kubectl.clone(), self.kubectl.clone().with_program(clients().old_kubectl())]
    }

    /// What Docker has of the test's node.
    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Quick reads of the API.
    pub(crate) fn api(&self) -> &ApiReader {
        &self.api
    }

    /// A directory that pods may mount, for signs between test and containers.
    pub(crate) fn shared(&self) -> PathBuf {
        self.directory.join("shared")
    }

    /// Where the agent keeps what must survive a restart.
    pub(crate) fn state_directory(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// What the agent keeps of pods' files, by path.
    pub(crate) fn files_of_pods(&self) -> Vec<PathBuf> {
        let volumes = self.state_directory().join(&self.name).join("volumes");
        let kinds = ["pods", "files"].map(|kind| fs::read_dir(volumes.join(kind)));
        kinds.into_iter().flatten().flatten().flatten().map(|left| left.path()).collect()
    }

    /// A file of the test's own.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The API path of something in the test's namespace, as in `pods/web`.
    pub(crate) fn path(&self, what: &str) -> String {
        format!("/api/v1/namespaces/{}/{what}", self.name)
    }

    /// Creates a pod that the scheduler can send to the test's node and to no other.
    pub(crate) fn create_pod(&self, name: &str, spec: Value) {
        self.kubectl.create(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name, "labels": { "app": name } },
            "spec": self.scheduled_here(spec),
        }));
    }

    /// A pod's spec with what brings it to the test's node by way of the scheduler.
    pub(crate) fn scheduled_here(&self, spec: Value) -> Value {
        let mut whole = json!({
            "nodeSelector": { "kubernetes.io/hostname": self.name },
            "tolerations": [{ "key": "virtual-kubelet.io/provider", "operator": "Exists" }],
        });
        let (Value::Object(fields), Value::Object(given)) = (&mut whole, spec) else { panic!("a spec is an object") };
        fields.extend(given);
        whole
    }

    /// The pod, if it exists.
    pub(crate) fn pod(&self, name: &str) -> Option<PodView> {
        self.api.get(&self.path(&format!("pods/{name}"))).map(PodView::new)
    }

    /// The pods that carry this label, as in `app=web`.
    pub(crate) fn pods(&self, selector: &str) -> Vec<PodView> {
        self.list(&format!("pods?labelSelector={}", selector.replace('=', "%3D")))
    }

    /// All pods of the test's namespace.
    pub(crate) fn all_pods(&self) -> Vec<PodView> {
        self.list("pods")
    }

    /// Waits until a pod is as wanted.
    pub(crate) fn until_pod(&self, name: &str, what: &str, wanted: impl Fn(&PodView) -> bool) -> PodView {
        eventually(&format!("pod {name}: {what}"), || match self.pod(name) {
            None => Err("there is no such pod".to_owned()),
            Some(pod) if wanted(&pod) => Ok(pod),
            Some(pod) => Err(pod.status().to_string()),
        })
    }

    /// Waits until a pod is in a phase.
    pub(crate) fn until_phase(&self, name: &str, phase: &str) -> PodView {
        self.until_pod(name, phase, |pod| pod.phase() == phase)
    }

    /// Waits until every container of a pod runs and is ready.
    pub(crate) fn until_running(&self, name: &str) -> PodView {
        self.until_pod(name, "runs", |pod| pod.phase() == "Running" && pod.condition("Ready") == "True")
    }

    /// Waits until there is no such pod any more.
    pub(crate) fn until_gone(&self, name: &str) {
        eventually(&format!("no pod {name}"), || match self.pod(name) {
            None => Ok(()),
            Some(pod) => Err(pod.status().to_string()),
        });
    }

    /// Waits until an Event with this reason and these words tells of a pod; answers with its message.
    pub(crate) fn until_event(&self, pod: &str, reason: &str, words: &str) -> String {
        let path = self.path(&format!("events?fieldSelector=involvedObject.name%3D{pod}"));
        eventually(&format!("an Event {reason} of pod {pod} with {words:?}"), || {
            let events = self.api.get(&path).unwrap_or_default();
            let items = events["items"].as_array().cloned().unwrap_or_default();
            let told: Vec<(String, String)> =
                items.iter().map(|event| (text(&event["reason"]), text(&event["message"]))).collect();
            let found = told.iter().find(|(known, message)| known == reason && message.contains(words));
            found.map(|(_, message)| message.clone()).ok_or_else(|| format!("{told:?}"))
        })
    }

    /// Waits until an Event with this reason tells of the Node.
    pub(crate) fn until_event_of_node(&self, reason: &str) {
        let path = format!("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3D{}", self.name);
        eventually(&format!("an Event {reason} of the node"), || {
            let events = self.api.get(&path).unwrap_or_default();
            let mut items = events["items"].as_array().into_iter().flatten();
            if items.any(|event| event["reason"] == reason) { Ok(()) } else { Err(events.to_string()) }
        });
    }

    /// Where the node serves its API, as in `https://127.0.0.1:10250`.
    pub(crate) fn node_url(&self) -> String {
        let port = self.node().unwrap()["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].to_string();
        format!("https://{}:{port}", self.environment.cluster.address())
    }

    /// The Node, if it exists.
    pub(crate) fn node(&self) -> Option<Value> {
        self.api.get(&format!("/api/v1/nodes/{}", self.name))
    }

    /// Waits until the Node is as wanted.
    pub(crate) fn until_node(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || match self.node() {
            None => Err("there is no such node".to_owned()),
            Some(node) if wanted(&node) => Ok(node),
            Some(node) => Err(node["status"].to_string()),
        })
    }

    /// The node's lease.
    pub(crate) fn lease(&self) -> Value {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{}", self.name);
        self.api.get(&path).unwrap()
    }

    fn list(&self, what: &str) -> Vec<PodView> {
        let list = self.api.get(&self.path(what));
        let items = list.and_then(|mut list| list.get_mut("items").map(Value::take)).unwrap_or_default();
        items.as_array().into_iter().flatten().cloned().map(PodView::new).collect()
    }

    fn tell_what_was_seen(&self) {
        let log = self.agent.as_ref().map(AgentProcess::log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("--- the agent of {} said last:\n{}", self.name, lines[lines.len().saturating_sub(60)..].join("\n"));
        for arguments in [&["get", "pods", "-o", "wide"][..], &["get", "events"]] {
            eprintln!(
                "--- kubectl {}\n{}",
                arguments.join(" "),
                self.kubectl.run(arguments).unwrap_or_else(|said| said)
            );
        }
        eprintln!("--- docker ps\n{}", self.docker.table());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            self.tell_what_was_seen();
        }
        self.agent = None;
        self.docker.remove_all();
        let whatever = |_: Result<String, String>| {};
        // Nobody would end these pods any more.
        whatever(self.kubectl.run(&["delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false"]));
        whatever(self.kubectl.run(&["delete", "namespace", &self.name, "--wait=false"]));
        whatever(self.kubectl.run(&["delete", "node", &self.name, "--ignore-not-found", "--wait=false"]));
        unmount_below(&self.directory);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The status of a Node's condition.
pub(crate) fn condition(node: &Value, kind: &str) -> String {
    let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .map(|found| text(&found["status"]))
        .unwrap_or_default()
}

/// A JSON string as a string; anything else as its JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An address of the cluster's on which nothing listens.
pub(crate) fn free_address(cluster: &Cluster) -> SocketAddr {
    TcpListener::bind((cluster.address(), 0)).unwrap().local_addr().unwrap()
}

/// A name made of the test's own.
fn slug() -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or_default().replace("::", "-").replace('_', "-");
    let short: String = name.chars().take(LONGEST_SLUG).collect();
    format!("t-{}", short.trim_end_matches('-'))
}

/// Lets go of volumes in memory that an agent which was killed has left.
fn unmount_below(directory: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for point in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
        if Path::new(point).starts_with(directory) {
            let _ = Command::new("umount").args(["-l", point]).status();
        }
    }
}

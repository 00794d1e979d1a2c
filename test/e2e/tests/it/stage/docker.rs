//! What Docker has of a test's node.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// The `docker` client, looking at one node's containers.
pub(crate) struct Docker {
    host: String,
    node: String,
}

/// A container as `docker inspect` shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Container {
    pub(crate) id: String,
    /// The pod's name, and the container's name in it; the sandbox has none.
    pub(crate) pod: String,
    pub(crate) name: Option<String>,
    pub(crate) running: bool,
    pub(crate) started_at: String,
    pub(crate) address: String,
}

impl Docker {
    pub(crate) fn new(host: &str, node: &str) -> Self {
        Self { host: host.to_owned(), node: node.to_owned() }
    }

    /// Runs `docker` and answers with what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("docker").args(arguments).env("DOCKER_HOST", &self.host).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    /// The node's containers and sandboxes, stopped ones included.
    pub(crate) fn all(&self) -> Vec<Container> {
        let ids = self.run(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &self.filter()]).unwrap();
        let ids: Vec<&str> = ids.lines().collect();
        if ids.is_empty() {
            return Vec::new();
        }
        // One that goes between the two calls is left out of the answer, with a word on stderr.
        let output = Command::new("docker").arg("inspect").args(&ids).env("DOCKER_HOST", &self.host).output().unwrap();
        let inspected: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        inspected.iter().map(Container::read).collect()
    }

    /// The containers of a pod, without its sandbox.
    pub(crate) fn of_pod(&self, pod: &str) -> Vec<Container> {
        self.all().into_iter().filter(|container| container.pod == pod && container.name.is_some()).collect()
    }

    /// The identity of what runs: ids with the times of their start.
    pub(crate) fn running(&self) -> BTreeMap<String, String> {
        let running = self.all().into_iter().filter(|container| container.running);
        running.map(|container| (container.id, container.started_at)).collect()
    }

    /// For messages.
    pub(crate) fn table(&self) -> String {
        self.run(&["ps", "--all", "--filter", &self.filter()]).unwrap_or_else(|said| said)
    }

    /// Removes whatever is left, by force.
    pub(crate) fn remove_all(&self) {
        let Ok(ids) = self.run(&["ps", "--all", "--quiet", "--filter", &self.filter()]) else { return };
        let mut arguments = vec!["rm", "--force", "--volumes"];
        arguments.extend(ids.lines());
        if arguments.len() > 3 {
            // What is gone by now needs no removal.
            let _ = self.run(&arguments);
        }
    }

    fn filter(&self) -> String {
        format!("label=virtual-kubelet.io/node={}", self.node)
    }
}

impl Container {
    fn read(inspected: &Value) -> Self {
        let label = |name: &str| inspected["Config"]["Labels"][format!("virtual-kubelet.io/{name}")].as_str();
        let networks = inspected["NetworkSettings"]["Networks"].as_object().cloned().unwrap_or_default();
        let address = networks.values().filter_map(|network| network["IPAddress"].as_str()).find(|ip| !ip.is_empty());
        Self {
            id: inspected["Id"].as_str().unwrap().to_owned(),
            pod: label("pod-name").unwrap_or_default().to_owned(),
            name: label("container").map(str::to_owned),
            running: inspected["State"]["Running"] == true,
            started_at: inspected["State"]["StartedAt"].to_string(),
            address: address.unwrap_or_default().to_owned(),
        }
    }
}

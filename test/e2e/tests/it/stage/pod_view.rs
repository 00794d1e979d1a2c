//! A pod, read without ceremony.

use serde_json::Value;

use super::text;

/// A pod as the API shows it.
#[derive(Debug, Clone)]
pub(crate) struct PodView(Value);

impl PodView {
    pub(crate) fn new(pod: Value) -> Self {
        Self(pod)
    }

    pub(crate) fn name(&self) -> String {
        text(&self.0["metadata"]["name"])
    }

    pub(crate) fn uid(&self) -> String {
        text(&self.0["metadata"]["uid"])
    }

    /// The names of its containers, of init containers too.
    pub(crate) fn container_names(&self) -> Vec<String> {
        let lists = ["initContainers", "containers"].map(|list| self.0["spec"][list].as_array());
        lists.into_iter().flatten().flatten().map(|container| text(&container["name"])).collect()
    }

    pub(crate) fn restart_policy(&self) -> &str {
        self.0["spec"]["restartPolicy"].as_str().unwrap_or_default()
    }

    pub(crate) fn is_being_deleted(&self) -> bool {
        !self.0["metadata"]["deletionTimestamp"].is_null()
    }

    pub(crate) fn status(&self) -> &Value {
        &self.0["status"]
    }

    pub(crate) fn phase(&self) -> &str {
        self.status()["phase"].as_str().unwrap_or_default()
    }

    pub(crate) fn ip(&self) -> String {
        text(&self.status()["podIP"])
    }

    /// The status of a condition; empty if it has none.
    pub(crate) fn condition(&self, kind: &str) -> &str {
        let mut conditions = self.status()["conditions"].as_array().into_iter().flatten();
        let found = conditions.find(|condition| condition["type"] == kind);
        found.and_then(|condition| condition["status"].as_str()).unwrap_or_default()
    }

    /// The status of a container of any kind; null if it has none.
    pub(crate) fn container(&self, name: &str) -> &Value {
        let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]
            .map(|list| self.status()[list].as_array());
        let mut statuses = lists.into_iter().flatten().flatten();
        statuses.find(|status| status["name"] == name).unwrap_or(&Value::Null)
    }

    /// Why a container waits; empty if it does not.
    pub(crate) fn waiting(&self, container: &str) -> &str {
        self.container(container)["state"]["waiting"]["reason"].as_str().unwrap_or_default()
    }

    /// What it says of that; empty if nothing.
    pub(crate) fn waiting_message(&self, container: &str) -> &str {
        self.container(container)["state"]["waiting"]["message"].as_str().unwrap_or_default()
    }

    /// How a container has ended; null if it has not.
    pub(crate) fn terminated(&self, container: &str) -> &Value {
        &self.container(container)["state"]["terminated"]
    }

    pub(crate) fn restarts(&self, container: &str) -> u64 {
        self.container(container)["restartCount"].as_u64().unwrap_or_default()
    }

    /// What makes a run of each container this one and no other: name, id, restart count.
    pub(crate) fn runs(&self) -> Vec<(String, String, u64)> {
        let statuses = self.status()["containerStatuses"].as_array().cloned().unwrap_or_default();
        let run = |status: &Value| {
            (text(&status["name"]), text(&status["containerID"]), status["restartCount"].as_u64().unwrap_or_default())
        };
        statuses.iter().map(run).collect()
    }
}

//! One Node on an API server: as much of it as a node controller can see.

use k8s_openapi::api::core::v1 as api;
use serde_json::{Map, Value, json};

use crate::node::{ApiFailure, NodeRequest, ObservedNode};

/// Keeps one Node and answers requests about it.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) node: Option<Value>,
    revision: u64,
    creations: u64,
    /// NodeRestriction: the identity is a node's.
    pub(super) restricts: bool,
    /// A field of the status that this server does not know.
    pub(super) drops: Option<&'static str>,
    /// The next requests fail like this.
    pub(super) failures: Vec<ApiFailure>,
    pub(super) writes: u64,
}

impl Server {
    pub(super) fn answer(&mut self, request: NodeRequest) -> Result<Box<ObservedNode>, ApiFailure> {
        if let Some(failure) = self.failures.pop() {
            return Err(failure);
        }
        match request {
            NodeRequest::Read => {}
            NodeRequest::Create(body) => self.create(body)?,
            NodeRequest::PatchMeta(patch) => self.patch(patch, "spec")?,
            NodeRequest::PatchStatus(patch) => self.patch(patch, "status")?,
        }
        self.observed().map(Box::new).ok_or(ApiFailure::NotFound)
    }

    pub(super) fn observed(&self) -> Option<ObservedNode> {
        let node: api::Node = serde_json::from_value(self.node.clone()?).unwrap();
        Some(ObservedNode::from(node))
    }

    /// Someone else changes the Node.
    pub(super) fn tamper(&mut self, change: impl FnOnce(&mut Value)) {
        change(self.node.as_mut().unwrap());
        self.touch();
    }

    pub(super) fn condition(&mut self, kind: &str) -> &mut Value {
        let conditions = self.node.as_mut().unwrap()["status"]["conditions"].as_array_mut().unwrap();
        conditions.iter_mut().find(|it| it["type"] == kind).unwrap()
    }

    fn create(&mut self, mut body: Value) -> Result<(), ApiFailure> {
        if self.node.is_some() {
            return Err(ApiFailure::Conflict("exists".to_owned()));
        }
        if self.restricts && body["metadata"]["labels"].get("kubernetes.io/role").is_some() {
            return Err(ApiFailure::Forbidden("node \"vk\" is not allowed to set labels".to_owned()));
        }
        self.creations += 1;
        body["metadata"]["uid"] = json!(format!("uid-{}", self.creations));
        self.node = Some(body);
        self.touch();
        Ok(())
    }

    fn patch(&mut self, mut patch: Value, part: &str) -> Result<(), ApiFailure> {
        let node = self.node.as_mut().ok_or(ApiFailure::NotFound)?;
        let metadata = patch["metadata"].as_object_mut().unwrap();
        if metadata.remove("uid").is_some_and(|uid| uid != node["metadata"]["uid"]) {
            return Err(ApiFailure::Invalid("metadata.uid: field is immutable".to_owned()));
        }
        let version = metadata.remove("resourceVersion");
        if version.is_some_and(|version| version != node["metadata"]["resourceVersion"]) {
            return Err(ApiFailure::Conflict("resource version".to_owned()));
        }
        if self.restricts && patch["spec"].get("taints").is_some() {
            return Err(ApiFailure::Forbidden("node \"vk\" is not allowed to modify taints".to_owned()));
        }
        if let (Some(field), Some(status)) = (self.drops, patch["status"].as_object_mut()) {
            status.remove(field);
        }
        merge(&mut node["metadata"], &patch["metadata"]);
        merge(&mut node[part], &patch[part]);
        self.touch();
        Ok(())
    }

    fn touch(&mut self) {
        self.revision += 1;
        self.writes += 1;
        if let Some(node) = &mut self.node {
            node["metadata"]["resourceVersion"] = json!(self.revision.to_string());
            if let Some(field) = self.drops {
                node["status"].as_object_mut().unwrap().remove(field);
            }
        }
    }
}

/// Strategic merge for the fields of a Node.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, change) in patch {
        match (key.as_str(), change) {
            (_, Value::Null) => drop(target.as_object_mut().unwrap().remove(key)),
            ("conditions", Value::Array(changes)) => merge_by_type(&mut target[key], changes),
            ("addresses", Value::Array(list)) => target[key] = Value::Array(list[1..].to_vec()),
            (_, Value::Object(_)) => merge(&mut target[key], change),
            _ => target[key] = change.clone(),
        }
    }
}

fn merge_by_type(list: &mut Value, changes: &[Value]) {
    let list = list.as_array_mut().unwrap();
    for change in changes {
        if change.get("$patch").is_some() {
            list.retain(|it| it["type"] != change["type"]);
        } else if let Some(found) = list.iter_mut().find(|it| it["type"] == change["type"]) {
            merge(found, change);
        } else {
            list.push(change.clone());
        }
    }
}

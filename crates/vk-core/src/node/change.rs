//! What differs between the Node and the wish, and the strategic-merge patches that say so.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::desired::{addresses_json, seconds};
use super::observed::{ObservedNode, ObservedTaint};
use super::shape::{NodeAddress, NodeCondition};

/// Keys to set, and with `None` keys to remove.
type KeyedChange = BTreeMap<String, Option<String>>;

/// A change of metadata and spec. `spec.unschedulable` is not among it: cordons are people's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct MetaChange {
    /// Labels.
    pub labels: KeyedChange,
    /// Annotations.
    pub annotations: KeyedChange,
    /// The whole list, the taints of others included: it cannot be merged.
    pub taints: Option<Vec<ObservedTaint>>,
    /// Can be set once.
    pub provider_id: Option<String>,
}

impl MetaChange {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it touches, for people.
    pub fn fields(&self) -> BTreeSet<String> {
        let labels = self.labels.keys().map(|key| format!("label {key}"));
        let annotations = self.annotations.keys().map(|key| format!("annotation {key}"));
        let taints = self.taints.iter().map(|_| "taints".to_owned());
        let provider_id = self.provider_id.iter().map(|_| "providerID".to_owned());
        labels.chain(annotations).chain(taints).chain(provider_id).collect()
    }

    /// The patch. The UID keeps it from reaching another Node of the same name; a list of taints also carries the resource
    /// version that it was made from, or it would undo a change that came in between.
    pub fn to_patch(&self, node: &ObservedNode) -> Value {
        let mut metadata = Map::new();
        metadata.insert("uid".to_owned(), json!(node.uid));
        insert_keyed(&mut metadata, "labels", &self.labels);
        insert_keyed(&mut metadata, "annotations", &self.annotations);
        let mut spec = Map::new();
        if let Some(taints) = &self.taints {
            metadata.insert("resourceVersion".to_owned(), json!(node.resource_version));
            spec.insert("taints".to_owned(), taints.iter().map(taint_json).collect());
        }
        if let Some(id) = &self.provider_id {
            spec.insert("providerID".to_owned(), json!(id));
        }
        let mut patch = json!({ "metadata": metadata });
        if !spec.is_empty() {
            patch["spec"] = Value::Object(spec);
        }
        patch
    }
}

/// A change of the `status` subresource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StatusChange {
    /// `capacity`.
    pub capacity: KeyedChange,
    /// `allocatable`.
    pub allocatable: KeyedChange,
    /// The whole list.
    pub addresses: Option<Vec<NodeAddress>>,
    /// Conditions by type.
    pub conditions: BTreeMap<String, ConditionChange>,
    /// `daemonEndpoints.kubeletEndpoint.Port`.
    pub kubelet_port: Option<u16>,
    /// Fields of `nodeInfo` by their names in JSON.
    pub info: KeyedChange,
    /// The whole list.
    pub declared_features: Option<Vec<String>>,
}

/// What happens to one condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConditionChange {
    /// It says this, and its `lastHeartbeatTime` is now.
    Set {
        /// The condition.
        condition: NodeCondition,
        /// Whether `lastTransitionTime` is now, too.
        transition: bool,
    },
    /// It goes.
    Remove,
}

impl StatusChange {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it touches, for people.
    pub fn fields(&self) -> BTreeSet<String> {
        let capacity = self.capacity.keys().map(|name| format!("capacity {name}"));
        let allocatable = self.allocatable.keys().map(|name| format!("allocatable {name}"));
        let conditions = self.conditions.keys().map(|kind| format!("condition {kind}"));
        let info = self.info.keys().map(|name| format!("nodeInfo {name}"));
        let addresses = self.addresses.iter().map(|_| "addresses".to_owned());
        let port = self.kubelet_port.iter().map(|_| "daemonEndpoints".to_owned());
        let features = self.declared_features.iter().map(|_| "declaredFeatures".to_owned());
        capacity.chain(allocatable).chain(conditions).chain(info).chain(addresses).chain(port).chain(features).collect()
    }

    /// The patch. It merges by key, so it needs no resource version: what it does not name stays as it is.
    pub fn to_patch(&self, node: &ObservedNode, now: Timestamp) -> Value {
        let now = seconds(now);
        let mut status = Map::new();
        insert_keyed(&mut status, "capacity", &self.capacity);
        insert_keyed(&mut status, "allocatable", &self.allocatable);
        insert_keyed(&mut status, "nodeInfo", &self.info);
        if let Some(addresses) = &self.addresses {
            // The list's merge key is not unique (two addresses may be InternalIP), so it must be replaced.
            let mut list = vec![json!({ "$patch": "replace" })];
            list.extend(addresses_json(addresses));
            status.insert("addresses".to_owned(), Value::Array(list));
        }
        if !self.conditions.is_empty() {
            let list = self.conditions.iter().map(|(kind, change)| condition_json(kind, change, &now)).collect();
            status.insert("conditions".to_owned(), Value::Array(list));
        }
        if let Some(port) = self.kubelet_port {
            status.insert("daemonEndpoints".to_owned(), json!({ "kubeletEndpoint": { "Port": port } }));
        }
        if let Some(features) = &self.declared_features {
            status.insert("declaredFeatures".to_owned(), json!(features));
        }
        json!({ "metadata": { "uid": node.uid }, "status": status })
    }
}

fn insert_keyed(parent: &mut Map<String, Value>, field: &str, change: &KeyedChange) {
    if !change.is_empty() {
        parent.insert(field.to_owned(), json!(change));
    }
}

fn taint_json(observed: &ObservedTaint) -> Value {
    let mut json = json!(observed.taint);
    if let Some(time) = observed.time_added {
        json["timeAdded"] = json!(seconds(time));
    }
    json
}

fn condition_json(kind: &str, change: &ConditionChange, now: &str) -> Value {
    match change {
        ConditionChange::Remove => json!({ "$patch": "delete", "type": kind }),
        ConditionChange::Set { condition, transition } => {
            let mut json = json!({
                "type": kind, "status": condition.status, "reason": condition.reason,
                "message": condition.message, "lastHeartbeatTime": now,
            });
            if *transition {
                json["lastTransitionTime"] = json!(now);
            }
            json
        }
    }
}

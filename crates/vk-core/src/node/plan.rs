//! [`plan`]: the smallest patches that make the Node say what it should, and leave alone what others put there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::change::{ConditionChange, MetaChange, StatusChange};
use super::desired::DesiredNode;
use super::identity::Identity;
use super::observed::{ObservedCondition, ObservedNode, ObservedTaint};
use super::owned::OwnedFields;
use super::shape::{NodeCondition, Taint};
use crate::quantity::Quantity;

/// Annotations in which the Go project kept copies of what it had written last; they are only ballast now.
const RETIRED_ANNOTATIONS: [&str; 2] =
    ["virtual-kubelet.io/last-applied-node-status", "virtual-kubelet.io/last-applied-object-meta"];

/// What to write, metadata first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct NodePlan {
    /// A patch of the Node itself.
    pub meta: MetaChange,
    /// A patch of its status.
    pub status: StatusChange,
    /// What differs and cannot be changed.
    pub unrepairable: BTreeSet<Unrepairable>,
}

impl NodePlan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty() && self.status.is_empty()
    }
}

/// A difference that the API server does not let us repair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Unrepairable {
    /// A node identity may not change its taints after it has registered.
    #[error(
        "the node's taints are not {wanted:?} and a node identity may not change them: change them with kubectl taint, or \
         delete the Node, it will be registered again"
    )]
    Taints {
        /// Our taints as `key=value:effect`.
        wanted: Vec<String>,
    },
    /// The provider id can be set once.
    #[error(
        "spec.providerID is {found:?} instead of {wanted:?} and cannot be changed: delete the Node to register it again"
    )]
    ProviderId {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
}

/// Compares the Node with the wish.
///
/// While the wish is not complete, a Node that exists keeps what it says, conditions and allocatable resources excepted.
pub fn plan(node: &ObservedNode, desired: &DesiredNode, identity: Identity) -> NodePlan {
    let owned = node.owned();
    let mut plan = NodePlan {
        status: StatusChange {
            allocatable: amounts(&node.allocatable, &desired.allocatable, &BTreeSet::new()),
            conditions: conditions(&node.conditions, &desired.conditions, &BTreeSet::new()),
            ..StatusChange::default()
        },
        ..NodePlan::default()
    };
    if desired.complete {
        plan.meta = meta_change(node, desired, identity, &owned, &mut plan.unrepairable);
        plan.status = status_change(node, desired, &owned);
    }
    plan
}

/// All conditions of ours as they are, with a new heartbeat time.
pub(super) fn heartbeat(node: &ObservedNode, desired: &DesiredNode) -> StatusChange {
    let conditions = desired.conditions.values().map(|condition| set_condition(&node.conditions, condition)).collect();
    StatusChange { conditions, ..StatusChange::default() }
}

fn meta_change(
    node: &ObservedNode,
    desired: &DesiredNode,
    identity: Identity,
    owned: &OwnedFields,
    unrepairable: &mut BTreeSet<Unrepairable>,
) -> MetaChange {
    let mut labels = keyed(&node.labels, &desired.labels, &owned.labels, |left, right| left == right);
    labels.retain(|key, _| identity.may_label(key));
    let retired = RETIRED_ANNOTATIONS.into_iter().map(str::to_owned);
    let ours = owned.annotations.iter().cloned().chain(retired).collect();
    let mut annotations = keyed(&node.annotations, &desired.annotations, &ours, |left, right| left == right);
    remember(node, desired, owned, &mut annotations);
    MetaChange {
        labels,
        annotations,
        taints: taints(node, desired, identity, owned, unrepairable),
        provider_id: provider_id(node, desired, unrepairable),
    }
}

/// What is ours is remembered before it is there, and forgotten only after it has gone.
fn remember(
    node: &ObservedNode,
    desired: &DesiredNode,
    owned: &OwnedFields,
    annotations: &mut BTreeMap<String, Option<String>>,
) {
    fn merge(wanted: &mut BTreeSet<String>, known: &BTreeSet<String>, present: impl Fn(&str) -> bool) {
        wanted.extend(known.iter().filter(|name| present(name)).cloned());
    }
    let mut all = desired.owned();
    merge(&mut all.labels, &owned.labels, |key| node.labels.contains_key(key));
    merge(&mut all.annotations, &owned.annotations, |key| node.annotations.contains_key(key));
    merge(&mut all.taints, &owned.taints, |id| node.taints.iter().any(|it| OwnedFields::taint_id(&it.taint) == id));
    merge(&mut all.resources, &owned.resources, |name| {
        node.capacity.contains_key(name) || node.allocatable.contains_key(name)
    });
    merge(&mut all.conditions, &owned.conditions, |kind| node.conditions.contains_key(kind));
    let value = all.to_annotation();
    if node.annotations.get(OwnedFields::ANNOTATION) != Some(&value) {
        annotations.insert(OwnedFields::ANNOTATION.to_owned(), Some(value));
    }
}

fn taints(
    node: &ObservedNode,
    desired: &DesiredNode,
    identity: Identity,
    owned: &OwnedFields,
    unrepairable: &mut BTreeSet<Unrepairable>,
) -> Option<Vec<ObservedTaint>> {
    let wanted: BTreeMap<String, &Taint> =
        desired.taints.iter().map(|taint| (OwnedFields::taint_id(taint), taint)).collect();
    let mut missing = wanted.clone();
    let mut changed = false;
    let mut list = Vec::new();
    for observed in &node.taints {
        let id = OwnedFields::taint_id(&observed.taint);
        missing.remove(&id);
        match wanted.get(&id) {
            Some(taint) if taint.value != observed.taint.value => {
                changed = true;
                list.push(ObservedTaint { taint: (*taint).clone(), time_added: None });
            }
            None if owned.taints.contains(&id) => changed = true,
            _ => list.push(observed.clone()),
        }
    }
    if !changed && missing.is_empty() {
        return None;
    }
    if !identity.may_change_taints() {
        let wanted = desired.taints.iter().map(|it| format!("{}={}:{}", it.key, it.value, it.effect)).collect();
        unrepairable.insert(Unrepairable::Taints { wanted });
        return None;
    }
    list.extend(missing.into_values().map(|taint| ObservedTaint { taint: taint.clone(), time_added: None }));
    Some(list)
}

fn provider_id(
    node: &ObservedNode,
    desired: &DesiredNode,
    unrepairable: &mut BTreeSet<Unrepairable>,
) -> Option<String> {
    let wanted = desired.provider_id.as_ref().filter(|wanted| **wanted != node.provider_id)?;
    if node.provider_id.is_empty() {
        return Some(wanted.clone());
    }
    let found = node.provider_id.clone();
    unrepairable.insert(Unrepairable::ProviderId { found, wanted: wanted.clone() });
    None
}

fn status_change(node: &ObservedNode, desired: &DesiredNode, owned: &OwnedFields) -> StatusChange {
    // Nobody but the agent writes nodeInfo: what we do not want there goes.
    let all_info = node.info.keys().cloned().collect();
    StatusChange {
        capacity: amounts(&node.capacity, &desired.capacity, &owned.resources),
        allocatable: amounts(&node.allocatable, &desired.allocatable, &owned.resources),
        addresses: (!desired.addresses.is_empty() && node.addresses != desired.addresses)
            .then(|| desired.addresses.clone()),
        conditions: conditions(&node.conditions, &desired.conditions, &owned.conditions),
        kubelet_port: (node.kubelet_port != i32::from(desired.kubelet_port)).then_some(desired.kubelet_port),
        info: keyed(&node.info, &desired.info, &all_info, |left, right| left == right)
            .into_iter()
            // The fields of nodeInfo are required: an empty one is emptied, not removed.
            .map(|(name, value)| (name, Some(value.unwrap_or_default())))
            .collect(),
        declared_features: (node.declared_features != desired.declared_features)
            .then(|| desired.declared_features.clone()),
    }
}

fn amounts(
    found: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    owned: &BTreeSet<String>,
) -> BTreeMap<String, Option<String>> {
    keyed(found, wanted, owned, same_amount)
}

/// The API server rewrites what it is sent (`1000m` becomes `1`): comparing text would find a difference for ever.
fn same_amount(left: &str, right: &str) -> bool {
    left == right
        || matches!((left.parse::<Quantity>(), right.parse::<Quantity>()), (Ok(left), Ok(right)) if left == right)
}

/// What is wanted and different is set; what is there, ours and no longer wanted is removed; the rest belongs to others.
fn keyed(
    found: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    owned: &BTreeSet<String>,
    same: impl Fn(&str, &str) -> bool,
) -> BTreeMap<String, Option<String>> {
    let set = wanted
        .iter()
        .filter(|(key, value)| !found.get(*key).is_some_and(|found| same(found, value)))
        .map(|(key, value)| (key.clone(), Some(value.clone())));
    let remove =
        found.keys().filter(|key| owned.contains(*key) && !wanted.contains_key(*key)).map(|key| (key.clone(), None));
    set.chain(remove).collect()
}

fn conditions(
    found: &BTreeMap<String, ObservedCondition>,
    wanted: &BTreeMap<String, NodeCondition>,
    owned: &BTreeSet<String>,
) -> BTreeMap<String, ConditionChange> {
    let differs = |condition: &&NodeCondition| {
        found.get(&condition.kind).is_none_or(|found| {
            (&found.status, &found.reason, &found.message) != (&condition.status, &condition.reason, &condition.message)
        })
    };
    let set = wanted.values().filter(differs).map(|condition| set_condition(found, condition));
    let remove = found
        .keys()
        .filter(|kind| owned.contains(*kind) && !wanted.contains_key(*kind))
        .map(|kind| (kind.clone(), ConditionChange::Remove));
    set.chain(remove).collect()
}

fn set_condition(found: &BTreeMap<String, ObservedCondition>, condition: &NodeCondition) -> (String, ConditionChange) {
    let transition = found.get(&condition.kind).is_none_or(|found| found.status != condition.status);
    (condition.kind.clone(), ConditionChange::Set { condition: condition.clone(), transition })
}

#[cfg(test)]
mod tests;

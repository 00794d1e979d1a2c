use jiff::Timestamp;
use k8s_openapi::api::core::v1 as api;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use proptest::prelude::*;

use super::*;
use crate::node::{
    AgentFacts, BackendHealth, KUBERNETES_VERSION, KubeletVersion, NodeAddress, NodeName, NodeShape, OutageReason,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn facts() -> AgentFacts {
    let version = KubeletVersion::new(KUBERNETES_VERSION, "0.1.0").unwrap();
    let mut facts = AgentFacts::new(NodeName::parse("vk").unwrap(), version, Identity::ServiceAccount);
    facts.addresses.push(NodeAddress { kind: "InternalIP".to_owned(), address: "10.0.0.7".to_owned() });
    facts.taints.push(taint("virtual-kubelet.io/provider", "mock"));
    facts
}

fn taint(key: &str, value: &str) -> Taint {
    Taint { key: key.to_owned(), value: value.to_owned(), effect: "NoSchedule".to_owned() }
}

fn shape() -> NodeShape {
    let amount = |name: &str, amount: &str| (name.to_owned(), Quantity(amount.to_owned()));
    let mut shape =
        NodeShape::with_capacity([amount("cpu", "4000m"), amount("memory", "8192Mi"), amount("pods", "20")].into());
    shape.labels.insert("pool".to_owned(), "burst".to_owned());
    shape.conditions.push(NodeCondition {
        kind: "GpuHealthy".to_owned(),
        status: "True".to_owned(),
        reason: "Fine".to_owned(),
        message: String::new(),
    });
    shape
}

fn desired(facts: &AgentFacts, shape: &NodeShape) -> DesiredNode {
    DesiredNode::new(facts, facts.identity, Some(shape), &BackendHealth::Reachable)
}

/// The Node as the API server shows it right after it was created from the wish.
fn created(desired: &DesiredNode) -> ObservedNode {
    let node: api::Node = serde_json::from_value(desired.to_create(NOW)).unwrap();
    ObservedNode { uid: "uid-1".to_owned(), resource_version: "5".to_owned(), ..ObservedNode::from(node) }
}

fn planned(node: &ObservedNode, desired: &DesiredNode) -> NodePlan {
    plan(node, desired, Identity::ServiceAccount)
}

#[test]
fn a_node_that_says_it_all_is_left_alone() {
    let desired = desired(&facts(), &shape());
    assert_eq!(planned(&created(&desired), &desired), NodePlan::default());
}

#[test]
fn quantities_that_the_server_rewrote_are_the_same() {
    let desired = desired(&facts(), &shape());
    let mut node = created(&desired);
    node.capacity.insert("cpu".to_owned(), "4".to_owned());
    node.allocatable.insert("memory".to_owned(), "8Gi".to_owned());
    assert!(planned(&node, &desired).is_empty());
}

#[test]
fn what_others_added_survives() {
    let desired = desired(&facts(), &shape());
    let mut node = created(&desired);
    node.labels.insert("team".to_owned(), "a".to_owned());
    node.annotations.insert("example.com/note".to_owned(), "x".to_owned());
    node.taints.push(ObservedTaint { taint: taint("node.kubernetes.io/unschedulable", ""), time_added: Some(NOW) });
    node.capacity.insert("example.com/dongle".to_owned(), "4".to_owned());
    let theirs = ObservedCondition { status: "True".to_owned(), reason: "x".to_owned(), message: String::new() };
    node.conditions.insert("KernelDeadlock".to_owned(), theirs);
    assert!(planned(&node, &desired).is_empty());

    // And stays in the one list that has to be written as a whole.
    node.taints.retain(|it| it.taint.key != "virtual-kubelet.io/provider");
    let patch = planned(&node, &desired).meta.to_patch(&node);
    assert_eq!(patch["metadata"]["resourceVersion"], "5");
    let keys: Vec<&str> =
        patch["spec"]["taints"].as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["node.kubernetes.io/unschedulable", "virtual-kubelet.io/provider"]);
    assert_eq!(patch["spec"]["taints"][0]["timeAdded"], "1970-01-01T00:00:00Z");
}

#[test]
fn what_others_changed_of_ours_is_repaired_and_nothing_else_is_written() {
    let desired = desired(&facts(), &shape());
    let mut node = created(&desired);
    node.labels.insert("pool".to_owned(), "other".to_owned());
    node.labels.remove("type");
    node.conditions.get_mut("Ready").unwrap().status = "Unknown".to_owned();
    let plan = planned(&node, &desired);
    assert_eq!(
        plan.meta.to_patch(&node),
        serde_json::json!({
            "metadata": { "uid": "uid-1", "labels": { "pool": "burst", "type": "virtual-kubelet" } },
        })
    );
    assert_eq!(
        plan.status.to_patch(&node, NOW),
        serde_json::json!({
            "metadata": { "uid": "uid-1" },
            "status": { "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the virtual kubelet is ready",
                "lastHeartbeatTime": "1970-01-01T00:00:00Z", "lastTransitionTime": "1970-01-01T00:00:00Z",
            }] },
        })
    );
}

#[test]
fn a_transition_is_a_change_of_the_status_alone() {
    let desired = desired(&facts(), &shape());
    let mut node = created(&desired);
    node.conditions.get_mut("Ready").unwrap().message = "tampered".to_owned();
    let patch = planned(&node, &desired).status.to_patch(&node, NOW);
    assert_eq!(patch["status"]["conditions"][0].get("lastTransitionTime"), None);
}

#[test]
fn what_we_no_longer_want_goes_also_after_a_restart() {
    let before = desired(&facts(), &shape());
    let mut node = created(&before);
    let mut facts = facts();
    facts.taints.clear();
    let after = desired(&facts, &NodeShape::with_capacity([("cpu".to_owned(), Quantity("4".to_owned()))].into()));
    let plan = planned(&node, &after);
    assert_eq!(plan.meta.labels, [("pool".to_owned(), None)].into());
    assert_eq!(plan.meta.taints, Some(vec![]));
    assert_eq!(plan.status.capacity, [("memory".to_owned(), None), ("pods".to_owned(), None)].into());
    assert_eq!(plan.status.conditions, [("GpuHealthy".to_owned(), ConditionChange::Remove)].into());

    // Nothing is forgotten before it is gone.
    let remembered = OwnedFields::parse(
        plan.meta
            .annotations
            .get(OwnedFields::ANNOTATION)
            .map_or_else(|| node.annotations[OwnedFields::ANNOTATION].as_str(), |value| value.as_deref().unwrap()),
    );
    assert!(remembered.resources.contains("memory") && remembered.conditions.contains("GpuHealthy"));
    node.labels.remove("pool");
    node.taints.clear();
    node.capacity.retain(|name, _| name == "cpu");
    node.allocatable.retain(|name, _| name == "cpu");
    node.conditions.remove("GpuHealthy");
    let rest = planned(&node, &after);
    assert!(rest.status.is_empty());
    let remembered = OwnedFields::parse(rest.meta.annotations[OwnedFields::ANNOTATION].as_deref().unwrap());
    assert_eq!(remembered, after.owned());
}

#[test]
fn a_node_identity_never_touches_taints_of_a_registered_node() {
    let desired = desired(&facts(), &shape());
    let mut node = created(&desired);
    node.taints.clear();
    let plan = plan(&node, &desired, Identity::Node);
    assert_eq!(plan.meta.taints, None);
    assert!(matches!(plan.unrepairable.first(), Some(Unrepairable::Taints { .. })));
}

#[test]
fn a_provider_id_is_set_once() {
    let mut shape = shape();
    shape.provider_id = Some("mock://vk".to_owned());
    let desired = desired(&facts(), &shape);
    let mut node = created(&desired);
    node.provider_id.clear();
    assert_eq!(planned(&node, &desired).meta.provider_id.as_deref(), Some("mock://vk"));
    node.provider_id = "aws:///i-1".to_owned();
    let plan = planned(&node, &desired);
    assert!(plan.is_empty());
    assert!(matches!(plan.unrepairable.first(), Some(Unrepairable::ProviderId { .. })));
}

#[test]
fn addresses_replace_the_list() {
    let desired = desired(&facts(), &shape());
    let mut node = created(&desired);
    node.addresses.clear();
    let patch = planned(&node, &desired).status.to_patch(&node, NOW);
    assert_eq!(
        patch["status"]["addresses"],
        serde_json::json!([{ "$patch": "replace" }, { "type": "InternalIP", "address": "10.0.0.7" }])
    );
}

#[test]
fn leftovers_of_the_go_project_are_cleared_away() {
    let desired = desired(&facts(), &shape());
    let mut node = created(&desired);
    node.annotations.insert(RETIRED_ANNOTATIONS[0].to_owned(), "{}".to_owned());
    assert_eq!(planned(&node, &desired).meta.annotations, [(RETIRED_ANNOTATIONS[0].to_owned(), None)].into());
}

#[test]
fn an_unfinished_wish_takes_nothing_away_from_an_existing_node() {
    let facts = facts();
    let node = created(&desired(&facts, &shape()));
    let down = BackendHealth::Unreachable { reason: OutageReason::Fails, message: "down".to_owned() };
    let unfinished = DesiredNode::new(&facts, facts.identity, None, &down);
    let plan = planned(&node, &unfinished);
    assert!(plan.meta.is_empty());
    assert_eq!(plan.status.allocatable, [("pods".to_owned(), Some("0".to_owned()))].into());
    assert_eq!(plan.status.conditions.keys().collect::<Vec<_>>(), ["BackendReachable"]);
    assert_eq!(plan.status.fields().len(), 2);
}

#[test]
fn a_heartbeat_touches_conditions_of_ours_alone_and_is_no_transition() {
    let desired = desired(&facts(), &shape());
    let node = created(&desired);
    let beat = heartbeat(&node, &desired);
    assert_eq!(beat.conditions.len(), desired.conditions.len());
    assert!(beat.conditions.values().all(|it| matches!(it, ConditionChange::Set { transition: false, .. })));
    assert_eq!(StatusChange { conditions: BTreeMap::new(), ..beat }, StatusChange::default());
}

/// What the API server makes of a plan: enough of strategic merge for the fields that a plan touches.
fn apply(node: &mut ObservedNode, plan: &NodePlan) {
    fn keyed(found: &mut BTreeMap<String, String>, change: &BTreeMap<String, Option<String>>) {
        for (key, value) in change {
            match value {
                Some(value) => drop(found.insert(key.clone(), value.clone())),
                None => drop(found.remove(key)),
            }
        }
    }
    keyed(&mut node.labels, &plan.meta.labels);
    keyed(&mut node.annotations, &plan.meta.annotations);
    keyed(&mut node.capacity, &plan.status.capacity);
    keyed(&mut node.allocatable, &plan.status.allocatable);
    keyed(&mut node.info, &plan.status.info);
    node.info.retain(|_, value| !value.is_empty());
    if let Some(taints) = &plan.meta.taints {
        node.taints.clone_from(taints);
    }
    if let Some(addresses) = &plan.status.addresses {
        node.addresses.clone_from(addresses);
    }
    if let Some(port) = plan.status.kubelet_port {
        node.kubelet_port = port.into();
    }
    if let Some(features) = &plan.status.declared_features {
        node.declared_features.clone_from(features);
    }
    for (kind, change) in &plan.status.conditions {
        match change {
            ConditionChange::Remove => drop(node.conditions.remove(kind)),
            ConditionChange::Set { condition, .. } => {
                let NodeCondition { status, reason, message, .. } = condition.clone();
                node.conditions.insert(kind.clone(), ObservedCondition { status, reason, message });
            }
        }
    }
}

fn small_map() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[abc]", "[12]", 0..3)
}

fn any_shape() -> impl Strategy<Value = NodeShape> {
    (small_map(), small_map(), small_map(), proptest::collection::btree_map("[abc]", "True|False", 0..2)).prop_map(
        |(capacity, labels, annotations, conditions)| {
            let mut shape =
                NodeShape::with_capacity(capacity.into_iter().map(|(name, amount)| (name, Quantity(amount))).collect());
            shape.taints = labels.iter().map(|(key, value)| taint(key, value)).collect();
            shape.labels = labels;
            shape.annotations = annotations;
            shape.conditions = conditions
                .into_iter()
                .map(|(kind, status)| NodeCondition { kind, status, reason: "R".to_owned(), message: String::new() })
                .collect();
            shape
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// From any Node that an earlier wish left behind and others added to, two rounds lead to the wish, no third one
    /// finds anything to do, and what others added is still there.
    #[test]
    fn plans_converge_and_spare_what_belongs_to_others(before in any_shape(), after in any_shape(), foreign in small_map()) {
        let facts = facts();
        let mut node = created(&desired(&facts, &before));
        let foreign: BTreeMap<String, String> =
            foreign.into_iter().map(|(key, value)| (format!("foreign-{key}"), value)).collect();
        node.labels.extend(foreign.clone());
        node.annotations.extend(foreign.clone());
        node.capacity.extend(foreign.clone());
        for (key, value) in &foreign {
            node.taints.push(ObservedTaint { taint: taint(key, value), time_added: None });
        }

        let wish = desired(&facts, &after);
        for _ in 0..2 {
            let plan = planned(&node, &wish);
            apply(&mut node, &plan);
        }
        prop_assert_eq!(planned(&node, &wish), NodePlan::default());

        for (key, value) in &foreign {
            prop_assert_eq!(node.labels.get(key), Some(value));
            prop_assert_eq!(node.annotations.get(key), Some(value));
            prop_assert_eq!(node.capacity.get(key), Some(value));
            prop_assert!(node.taints.iter().any(|it| it.taint.key == *key));
        }
        for key in before.labels.keys().filter(|key| !after.labels.contains_key(*key)) {
            prop_assert!(!node.labels.contains_key(key));
        }
        prop_assert_eq!(node.owned(), wish.owned());
    }

    #[test]
    fn a_node_identity_asks_for_nothing_that_node_restriction_refuses(before in any_shape(), after in any_shape()) {
        let facts = facts();
        let node = created(&desired(&facts, &before));
        let wish = DesiredNode::new(&facts, Identity::Node, Some(&after), &BackendHealth::Reachable);
        let plan = plan(&node, &wish, Identity::Node);
        prop_assert_eq!(plan.meta.taints, None);
        prop_assert!(plan.meta.labels.keys().all(|key| Identity::Node.may_label(key)));
    }
}

//! Stories that no mutant tells in few schedules.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use virtual_kubelet::core::PodKey;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn object(value: Value) -> Arc<Object> {
    Arc::new(Object::from_value(value).unwrap_or_else(|value| panic!("no object: {value}")))
}

/// One pod that runs, since the second second.
struct Story {
    facts: Facts,
    lives: Vec<Life>,
    node: Option<Arc<Object>>,
}

impl Story {
    fn of_a_pod_that_runs() -> Self {
        let mut facts = Facts::new(Timestamp::UNIX_EPOCH);
        let statuses = json!([{"name": "app", "restartCount": 0, "state": {"running": {}}}]);
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let pod = object(json!({
            "metadata": {"name": "web", "uid": "u-1"},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app:1", "resources": {}}]},
            "status": {"phase": "Running", "conditions": ready, "containerStatuses": statuses},
        }));
        facts.pods.insert(PodUid::from("u-1"), PodHistory::new(pod, seconds(1)));
        let node = object(json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        Self { facts, lives: vec![life(2)], node: Some(node) }
    }

    fn broken_rules(&self) -> Vec<Rule> {
        let violations = judge(&Evidence {
            nature: Nature::default(),
            now: seconds(500),
            refused: BTreeSet::new(),
            rejected: BTreeSet::new(),
            instances_changed: false,
            spans: Vec::new(),
            clocks_jumped: false,
            loops: Vec::new(),
            entries: &[],
            lives: &self.lives,
            requests: &[],
            facts: &self.facts,
            node: self.node.clone(),
        });
        violations.into_iter().map(|violation| violation.rule).collect()
    }
}

fn life(began: u64) -> Life {
    let given = Given { image: "app:1".to_owned(), resources: json!({}) };
    Life {
        uid: PodUid::from("u-1"),
        key: PodKey::new("default", "web"),
        elsewhere: false,
        accepted: seconds(began),
        told_to_stop: None,
        end: None,
        gone: None,
        runs: vec![Run { container: "app".to_owned(), began: seconds(began), ended: None }],
        given: BTreeMap::from([("app".to_owned(), given)]),
    }
}

#[test]
fn a_pod_that_runs_breaks_no_rule() {
    assert_eq!(Story::of_a_pod_that_runs().broken_rules(), []);
}

#[test]
fn two_lives_at_once_are_noticed() {
    let mut story = Story::of_a_pod_that_runs();
    story.lives.push(life(7));
    assert!(story.broken_rules().contains(&Rule::OneAtATime));
}

#[test]
fn a_change_that_never_came_is_noticed() {
    let mut story = Story::of_a_pod_that_runs();
    story.lives[0].given.get_mut("app").unwrap().image = "app:0".to_owned();
    assert_eq!(story.broken_rules(), [Rule::ChangesCarriedOver]);
}

#[test]
fn a_node_that_is_missing_is_noticed() {
    let story = Story { node: None, ..Story::of_a_pod_that_runs() };
    assert_eq!(story.broken_rules(), [Rule::NodeRepaired]);
}

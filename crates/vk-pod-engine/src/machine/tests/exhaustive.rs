//! Everything that can happen, at every moment of a pod's way up: two disturbances, or three, in every combination.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::disturbance::{Disturbance, Watched, guarded};
use super::world::{one_container, plan};
use crate::plan::PodPlan;
use serde_json::json;

/// A pod with one container of each kind.
fn one_of_each(restart: &str) -> Arc<PodPlan> {
    plan(json!({
        "restartPolicy": restart,
        "initContainers": [
            {"name": "init", "image": "a:1"}, {"name": "side", "image": "a:1", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "app", "image": "a:1"}],
    }))
}

struct Search {
    seen: BTreeSet<u64>,
    runs: usize,
}

impl Search {
    /// Follows the way on which every call is answered in turn, and leaves it for each disturbance at each step.
    fn follow(&mut self, mut watched: Watched, left: usize, path: &[Disturbance]) {
        if !self.seen.insert(fingerprint(&watched, left)) {
            return;
        }
        for _ in 0..100 {
            if left > 0 {
                for disturbance in watched.disturbances() {
                    let mut path = path.to_vec();
                    path.push(disturbance);
                    let mut disturbed = watched.clone();
                    guarded(&path, || disturbed.disturb(disturbance));
                    self.follow(disturbed, left - 1, &path);
                }
            }
            let init = watched.world.running().into_iter().find(|name| name.starts_with("init"));
            match init {
                _ if !watched.world.pending.is_empty() => guarded(path, || watched.answer()),
                Some(init) => watched.world.exit(&init, 0),
                None => break,
            }
        }
        self.runs += 1;
        guarded(path, || watched.rest());
    }
}

fn fingerprint(watched: &Watched, left: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    let world = &watched.world;
    (&world.machine, &world.model, &world.pending, &world.read, world.now, &world.starts, left).hash(&mut hasher);
    hasher.finish()
}

fn search(plan: Arc<PodPlan>, disturbances: usize) -> usize {
    let mut search = Search { seen: BTreeSet::new(), runs: 0 };
    search.follow(Watched::new(plan), disturbances, &[]);
    search.runs
}

#[test]
fn three_disturbances_of_one_container() {
    for policy in ["Always", "OnFailure", "Never"] {
        let runs = search(one_container(policy), 3);
        assert!(runs > 1000, "only {runs} ways were tried");
    }
}

#[test]
fn two_disturbances_of_a_container_of_each_kind() {
    for policy in ["Always", "OnFailure", "Never"] {
        let runs = search(one_of_each(policy), 2);
        assert!(runs > 100, "only {runs} ways were tried");
    }
}

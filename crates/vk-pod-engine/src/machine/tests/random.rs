//! Many disturbances of a larger pod, at random.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;

use super::disturbance::{Watched, guarded};
use super::world::{with_checks, with_sidecars};
use crate::plan::PodPlan;

/// Disturbs a pod as the steps say, and sees whether it comes to the right rest.
fn try_out(plan: Arc<PodPlan>, steps: Vec<(usize, Index)>) {
    let mut watched = Watched::new(plan);
    let mut path = Vec::new();
    for (answers, choice) in steps {
        for _ in 0..answers {
            if watched.world.pending.is_empty() {
                break;
            }
            guarded(&path, || watched.answer());
        }
        let possible = watched.disturbances();
        path.push(possible[choice.index(possible.len())]);
        guarded(&path, || watched.disturb(path[path.len() - 1]));
    }
    guarded(&path, || watched.rest());
}

/// How many calls are answered before each disturbance, and which of those that are possible then it is.
fn steps() -> impl Strategy<Value = Vec<(usize, Index)>> {
    prop::collection::vec((0_usize..8, any::<Index>()), 0..12)
}

fn policies() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["Always", "OnFailure", "Never"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_pod_comes_to_the_right_rest(policy in policies(), steps in steps()) {
        try_out(with_sidecars(policy), steps);
    }

    #[test]
    fn so_does_one_with_probes_and_hooks(policy in policies(), steps in steps()) {
        try_out(with_checks(policy), steps);
    }
}

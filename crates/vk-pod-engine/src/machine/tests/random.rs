//! Many disturbances of a larger pod, at random.

use proptest::prelude::*;

use super::disturbance::{Watched, guarded};
use super::world::with_sidecars;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_pod_comes_to_the_right_rest(
        policy in prop::sample::select(vec!["Always", "OnFailure", "Never"]),
        // How many calls are answered before each disturbance, and which of those that are possible then it is.
        steps in prop::collection::vec((0_usize..8, any::<prop::sample::Index>()), 0..12),
    ) {
        let mut watched = Watched::new(with_sidecars(policy));
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
}

//! Seeded schedules: faults of both sides, one crash each.

use vk_testkit::simulation::{Schedule, run};

/// Seeds in a normal run; `VK_SEEDS=FROM..TO` takes others.
const SEEDS: std::ops::Range<u64> = 0..20;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("VK_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("VK_SEEDS is written as in 100..200");
    from.parse().expect("a number")..to.parse().expect("a number")
}

#[test]
fn every_schedule_keeps_the_invariants_and_replays_exactly() {
    for seed in seeds() {
        let schedule = Schedule::from_seed(seed);
        let outcome = run(&schedule);
        assert!(outcome.violations.is_empty(), "{schedule}{:#?}", outcome.violations);
        assert_eq!(outcome.trace, run(&schedule).trace, "seed {seed} does not replay");
        assert!(outcome.requests > 0);
    }
}

//! Seeded schedules: faults of both sides, one crash each.

use std::ops::Range;

use vk_testkit::simulation::{Schedule, run};

/// Seeds in a normal run; `VK_SEEDS=FROM..TO` takes others.
const SEEDS: Range<u64> = 0..20;

fn seeds() -> Range<u64> {
    let asked_for = std::env::var("VK_SEEDS").ok();
    let range = |text: String| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    };
    asked_for.map_or(SEEDS, |text| range(text).unwrap_or(SEEDS))
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

/// A pod was proved gone and let go while the watch was broken; resumed, the watch showed it once more.
#[test]
fn history_that_a_resumed_watch_shows_is_no_second_life() {
    let outcome = run(&Schedule::from_seed(73));
    assert_eq!(outcome.violations, []);
}

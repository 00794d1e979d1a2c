//! Every deliberate bug is caught, and what catches it passes without the bug.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use vk_testkit::mutant::{CATALOGUE, Check, no_bug};
use vk_testkit::simulation::Rule;

use crate::repository::repository_root;

/// What breaks an invariant where no interposer stands, and the test that would catch it: file and name.
const ELSEWHERE: &[(u8, &str, &str)] = &[
    (9, "crates/vk-core/src/orphan/tests.rs", "an_orphan_is_collected_only_after_its_age_and_with_proof"),
    (12, "crates/vk-kubelet-api/tests/it/connections.rs", "half_open_connections_keep_nobody_out"),
    (12, "crates/vk-kubelet-api/tests/it/connections.rs", "a_head_that_is_too_large_is_refused"),
    (
        14,
        "crates/vk-kubelet-api/tests/it/authentication.rs",
        "without_a_certificate_every_path_is_401_and_nobody_is_asked",
    ),
    (14, "crates/vk-kubelet-api/tests/it/authorization.rs", "a_right_to_read_runs_nothing_whatever_the_method"),
    (14, "crates/vk-kubelet-api/tests/it/authorization.rs", "an_authorizer_that_fails_or_hangs_lets_nobody_in"),
];

/// Looks at every mutant with every check that is said to catch it; `cargo xtask mutants` prints the rows.
#[test]
fn every_mutant_is_caught() {
    let survivors = in_parallel(CATALOGUE, |mutant| {
        let mut survived = Vec::new();
        for check in mutant.caught_by {
            let caught = check.run(&(mutant.bug)()).err();
            // One row of a table: no line breaks, no separators.
            let by = caught.as_deref().unwrap_or("SURVIVED").replace('|', "/").replace('\n', " ");
            println!("| {} | {:?} | {check} | {by} |", mutant.name, mutant.breaks);
            if caught.is_none() {
                survived.push(format!("{} survives {check}", mutant.name));
            }
        }
        survived
    });
    let survivors: Vec<String> = survivors.concat();
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

/// Otherwise it would be no wonder that they fail with one.
#[test]
fn without_a_bug_every_check_passes() {
    let checks: BTreeMap<String, Check> =
        CATALOGUE.iter().flat_map(|mutant| mutant.caught_by).map(|check| (check.to_string(), *check)).collect();
    let checks: Vec<(String, Check)> = checks.into_iter().collect();
    let results = in_parallel(&checks, |(_, check)| check.run(&no_bug()));
    let failures: Vec<_> = checks.iter().map(|(name, _)| name).zip(results).filter(|(_, it)| it.is_err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn there_are_enough_mutants_and_each_invariant_has_one() {
    assert!(CATALOGUE.len() >= 59, "{}", CATALOGUE.len());
    let names: BTreeSet<&str> = CATALOGUE.iter().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), CATALOGUE.len(), "each has a name of its own");
    let broken: BTreeSet<u8> = CATALOGUE.iter().flat_map(|mutant| mutant.breaks).copied().collect();
    let elsewhere: BTreeSet<u8> = ELSEWHERE.iter().map(|(invariant, ..)| *invariant).collect();
    let all: BTreeSet<u8> = (1..=14).collect();
    assert_eq!(broken.union(&elsewhere).copied().collect::<BTreeSet<u8>>(), all);
}

/// Rules that a made-up story shows broken: `simulation/judge/tests.rs` of the testkit.
const BROKEN_IN_STORIES: [Rule; 3] = [Rule::OneAtATime, Rule::ChangesCarriedOver, Rule::NodeRepaired];

/// A rule that nobody has seen broken may be one that cannot be.
#[test]
fn every_rule_of_the_judge_is_seen_broken() {
    let checks = CATALOGUE.iter().flat_map(|mutant| mutant.caught_by);
    let broken: BTreeSet<Rule> = checks
        .filter_map(|check| match check {
            Check::Breaks(rule, ..) => Some(*rule),
            _ => None,
        })
        .chain(BROKEN_IN_STORIES)
        .collect();
    assert_eq!(broken, Rule::ALL.into_iter().collect());
}

#[test]
fn the_tests_that_are_named_elsewhere_exist() {
    for (invariant, file, test) in ELSEWHERE {
        let text = std::fs::read_to_string(repository_root().join(file)).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}(")), "invariant {invariant}: {file} has no {test}");
        let has_mutants = CATALOGUE.iter().any(|mutant| mutant.breaks.contains(invariant));
        let mutant = if has_mutants { "(besides the mutants above)" } else { "(none: no interposer stands there)" };
        println!("| {mutant} | [{invariant}] | {file} | {test} |");
    }
}

/// Does the same with every item, on as many threads as there are processors.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((index, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?)))
        {
            done.push((index, work(item)));
        }
        done
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

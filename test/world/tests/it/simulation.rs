//! Seeded schedules of everything that users, fate and faults do.
//!
//! `VK_SEEDS=FROM..TO` takes other seeds, `VK_SCHEDULE=FILE` runs one schedule that was written down, as failures are.
//! `cargo xtask soak` runs many.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;
use vk_testkit::simulation::{Schedule, Soak, Tally, run, soak};

/// Seeds in a normal run.
const SEEDS: Range<u64> = 0..2000;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("VK_SEEDS") else { return SEEDS };
    let range = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or_else(|| panic!("VK_SEEDS is {text:?}, and should be like 0..20"))
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, and should be a number")))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn failures(tally: &Tally) -> String {
    tally.failures.iter().map(|failure| format!("{failure}\n")).collect()
}

#[test]
fn every_schedule_keeps_the_invariants_and_replays_exactly() {
    let begun = Instant::now();
    let seeds = seeds();
    let time = Duration::MAX;
    // Who asks for seeds wants to know all about them.
    let replay_every = if seeds == SEEDS { 20 } else { 1 };
    let tally = soak(&Soak { seeds: seeds.clone(), time, threads: threads(), replay_every, most_failures: 3 });
    println!(
        "{} schedules in {:?}: {} starts, {} requests",
        tally.schedules,
        begun.elapsed(),
        tally.starts,
        tally.requests
    );
    assert!(tally.failures.is_empty(), "{}", failures(&tally));
    assert_eq!(tally.schedules, seeds.end - seeds.start);
    assert!(tally.starts > 0 && tally.requests > 0);
}

#[test]
fn a_schedule_that_was_written_down_runs_again() {
    let (path, text) = match std::env::var("VK_SCHEDULE") {
        Ok(path) => (path.clone(), std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))),
        Err(_) => ("seed 0".to_owned(), Schedule::from_seed(0).to_string()),
    };
    let schedule: Schedule = text.parse().unwrap_or_else(|error| panic!("{path} is no schedule: {error}"));
    let outcome = run(&schedule);
    let told: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{path}: {}", told.join("\n"));
    assert_eq!(outcome, run(&schedule), "{path} does not run again as it ran");
}

fn keeps_the_invariants(schedule: &str) {
    let schedule: Schedule = schedule.parse().unwrap_or_else(|error| panic!("no schedule: {error}"));
    let violations = run(&schedule).violations;
    assert_eq!(violations, []);
}

/// The lease had a connection of its own, and did not notice.
#[test]
fn a_watch_that_is_never_answered_is_begun_anew() {
    keeps_the_invariants(
        r#"{"seed": 19, "nature": {}}
        {"after_ms": 0, "action": {"Create": [2, {"policy": "Always", "containers": "One", "grace": 5, "deadline": null,
            "tolerates": null, "gated": false, "configured": false}]}}
        {"after_ms": 0, "action": {"ApiFault": ["WatchPods", "HangAfter", 3]}}
        {"after_ms": 0, "action": "RestartServer"}
        {"after_ms": 665, "action": {"Delete": 2}}"#,
    );
    keeps_the_invariants(
        r#"{"seed": 45, "nature": {}}
        {"after_ms": 0, "action": {"ApiFault": ["Node", "HangBefore", 2]}}
        {"after_ms": 0, "action": "UnreadyNode"}"#,
    );
}

/// It was told again in the very instant, for as long as it did not stop.
#[test]
fn a_stop_that_comes_late_is_told_once() {
    keeps_the_invariants(
        r#"{"seed": 59, "nature": {"stop": "Stubborn"}}
        {"after_ms": 0, "action": {"Create": [0, {"policy": "Never", "containers": "WithSidecar", "grace": 5, "deadline": null,
            "tolerates": 2, "gated": false, "configured": false}]}}
        {"after_ms": 0, "action": {"ProviderFault": ["Terminate", "Panic"]}}
        {"after_ms": 0, "action": {"Recreate": [0, {"policy": "Always", "containers": "One", "grace": 5, "deadline": null,
            "tolerates": null, "gated": false, "configured": false}]}}"#,
    );
}

/// Its object went while no agent lived; nobody knew the spec by which its containers had ended.
#[test]
fn an_orphan_that_has_ended_is_let_go_of() {
    keeps_the_invariants(
        r#"{"seed": 87, "nature": {"restarts": true}}
        {"after_ms": 0, "action": {"Create": [1, {"policy": "Never", "containers": "WithSidecar", "grace": 30, "deadline": null,
            "tolerates": 13, "gated": false, "configured": false}]}}
        {"after_ms": 10000, "action": {"ExitContainer": [1, 0, 0]}}
        {"after_ms": 3, "action": {"Kill": "First"}}"#,
    );
}

/// The answer to its create was lost in the moment in which another incarnation of the back end took over; it ran in both.
#[test]
fn a_pod_that_one_incarnation_may_have_taken_does_not_start_in_another() {
    keeps_the_invariants(
        r#"{"seed": 35, "nature": {}}
        {"after_ms": 0, "action": {"Elsewhere": true}}
        {"after_ms": 0, "action": {"ProviderFault": ["Create", "LoseReply"]}}
        {"after_ms": 0, "action": {"Create": [3, {"policy": "Always", "containers": "One", "grace": 5, "deadline": null,
            "tolerates": null, "gated": false, "configured": false}]}}
        {"after_ms": 8, "action": {"Elsewhere": false}}"#,
    );
    // The agent knows of the first incarnation only, and comes back to it.
    keeps_the_invariants(
        r#"{"seed": 35, "nature": {}}
        {"after_ms": 2000, "action": {"Elsewhere": true}}
        {"after_ms": 0, "action": {"ProviderFault": ["Create", "LoseReply"]}}
        {"after_ms": 0, "action": {"Create": [3, {"policy": "Always", "containers": "One", "grace": 5, "deadline": null,
            "tolerates": null, "gated": false, "configured": false}]}}
        {"after_ms": 8, "action": {"Elsewhere": false}}"#,
    );
}

/// It was the simulated back end that ran it once more.
#[test]
fn a_container_that_has_completed_does_not_run_in_another_attempt() {
    keeps_the_invariants(
        r#"{"seed": 761, "nature": {"fences": true}}
        {"after_ms": 0, "action": {"Create": [2, {"policy": "OnFailure", "containers": "Two", "grace": 5, "deadline": null,
            "tolerates": null, "gated": false, "configured": true}]}}
        {"after_ms": 51000, "action": {"ExitContainer": [2, 1, 0]}}
        {"after_ms": 0, "action": {"Lose": 2}}"#,
    );
}

/// It was force-deleted while the second agent waited for the lease of the first: nothing leads that one back to it.
#[test]
fn what_went_while_nobody_had_the_node_is_beyond_knowledge_without_lists() {
    keeps_the_invariants(
        r#"{"seed": 4660, "nature": {"by_handle": true}}
        {"after_ms": 0, "action": {"Create": [0, {"policy": "Never", "containers": "One", "grace": 30, "deadline": null,
            "tolerates": null, "gated": false, "configured": false}]}}
        {"after_ms": 2000, "action": {"Kill": "First"}}
        {"after_ms": 0, "action": {"Start": ["First", "Other"]}}
        {"after_ms": 2000, "action": {"DeleteWithin": [0, 0]}}"#,
    );
}

/// What `cargo xtask soak` runs.
#[test]
#[ignore = "runs for minutes; use `cargo xtask soak`"]
fn many_schedules_keep_the_invariants() {
    let from = number("VK_SOAK_FROM").unwrap_or(0);
    let count = number("VK_SOAK_SCHEDULES").unwrap_or(1000);
    let time = number("VK_SOAK_SECONDS").map_or(Duration::MAX, Duration::from_secs);
    let begun = Instant::now();
    let seeds = from..from.saturating_add(count);
    let tally = soak(&Soak { seeds, time, threads: threads(), replay_every: 100, most_failures: 20 });
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} schedules from seed {from} in {seconds:.0} s ({:.0} a second), {} of them run twice with equal traces; \
         {} workloads started, {} requests answered; {} schedules broke an invariant",
        tally.schedules,
        tally.schedules as f64 / seconds,
        tally.replayed,
        tally.starts,
        tally.requests,
        tally.failures.len(),
    );
    assert!(tally.failures.is_empty(), "{}", failures(&tally));
    assert!(tally.schedules > 0, "no schedule was run");
}

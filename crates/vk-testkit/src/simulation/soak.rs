//! Many schedules on many threads.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::run::{Outcome, run};
use super::schedule::Schedule;
use super::shrink::shrink;
use super::violation::Rule;

/// What to run.
#[derive(Debug, Clone)]
pub struct Soak {
    /// These seeds.
    pub seeds: Range<u64>,
    /// No schedule begins after this long.
    pub time: Duration,
    /// So many threads.
    pub threads: usize,
    /// Every so many seeds, the schedule is run twice and the traces are compared; 0: never.
    pub replay_every: u64,
    /// It ends after so many failures.
    pub most_failures: usize,
}

/// What was run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Schedules.
    pub schedules: u64,
    /// Of those, run twice with equal traces.
    pub replayed: u64,
    /// Workloads that were started.
    pub starts: usize,
    /// Requests that the API server answered.
    pub requests: usize,
    /// Schedules that broke an invariant, in the order of their seeds.
    pub failures: Vec<Failure>,
}

/// A schedule that broke an invariant.
#[derive(Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What happened.
    pub what: Vec<String>,
    /// The shortest schedule in which the same happens.
    pub shrunk: Schedule,
}

/// Runs schedules until one of the bounds is reached.
pub fn soak(soak: &Soak) -> Tally {
    let tally = Mutex::new(Tally::default());
    let next = AtomicU64::new(soak.seeds.start);
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..soak.threads.max(1) {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) && begun.elapsed() < soak.time {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !soak.seeds.contains(&seed) {
                        return;
                    }
                    let replays = soak.replay_every > 0 && seed.is_multiple_of(soak.replay_every);
                    let report = one(seed, replays);
                    let mut tally = tally.lock();
                    tally.add(report, replays);
                    is_over.fetch_or(tally.failures.len() >= soak.most_failures, Ordering::Relaxed);
                }
            });
        }
    });
    let mut tally = tally.into_inner();
    tally.failures.sort_by_key(|failure| failure.seed);
    tally
}

struct Report {
    starts: usize,
    requests: usize,
    failure: Option<Failure>,
}

impl Tally {
    fn add(&mut self, report: Report, replayed: bool) {
        self.schedules += 1;
        self.replayed += u64::from(replayed);
        self.starts += report.starts;
        self.requests += report.requests;
        self.failures.extend(report.failure);
    }
}

fn one(seed: u64, replays: bool) -> Report {
    let schedule = Schedule::from_seed(seed);
    let Some(outcome) = run_safely(&schedule) else {
        let shrunk = shrink(&schedule, |candidate| run_safely(candidate).is_none());
        let failure = Failure { seed, what: vec!["an agent or the world panicked".to_owned()], shrunk };
        return Report { starts: 0, requests: 0, failure: Some(failure) };
    };
    let mut failure = None;
    if !outcome.violations.is_empty() {
        let rules = rules_of(&outcome);
        let shrunk = shrink(&schedule, |candidate| {
            run_safely(candidate).is_some_and(|outcome| !rules_of(&outcome).is_disjoint(&rules))
        });
        let shown = run_safely(&shrunk).map_or_else(Vec::new, |outcome| outcome.violations);
        failure = Some(Failure { seed, what: shown.iter().map(ToString::to_string).collect(), shrunk });
    } else if replays && run_safely(&schedule).is_none_or(|again| again.trace != outcome.trace) {
        let what = vec!["it does not replay: the same seed gives another trace".to_owned()];
        failure = Some(Failure { seed, what, shrunk: schedule });
    }
    Report { starts: outcome.starts, requests: outcome.requests, failure }
}

fn run_safely(schedule: &Schedule) -> Option<Outcome> {
    std::panic::catch_unwind(AssertUnwindSafe(|| run(schedule))).ok()
}

fn rules_of(outcome: &Outcome) -> BTreeSet<Rule> {
    outcome.violations.iter().map(|violation| violation.rule).collect()
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {}:", self.seed)?;
        for what in &self.what {
            writeln!(f, "  {what}")?;
        }
        writeln!(f, "the shortest schedule in which it happens (run it with VK_SCHEDULE=FILE):")?;
        write!(f, "{}", self.shrunk)
    }
}

//! `cargo xtask test`: every check and every test, in the order that finds a mistake soonest and builds Go before Rust.

mod report;
mod steps;

use std::fmt;

use anyhow::Result;
use clap::ValueEnum;

use crate::test::report::Report;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run this step alone; may be given several times.
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
}

/// A step of the test run, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Programs that tests need, installed if missing.
    Packages,
    /// The Kubernetes control plane for tests, built with Go unless it is in the cache.
    ControlPlane,
    /// Other people's clients for tests, built or installed unless they are in the cache.
    Clients,
    /// rustfmt and gofmt.
    Format,
    /// Clippy, its warnings being errors.
    Clippy,
    /// `cargo xtask tidy`.
    Tidy,
    /// cargo-deny: banned crates, licences, sources.
    Deny,
    /// rustdoc, its warnings being errors.
    Doc,
    /// Unit tests and each crate's own integration tests.
    Unit,
    /// Examples in documentation.
    DocTests,
    /// The controllers in the in-process world, and its simulation.
    World,
    /// `cargo xtask fuzz`, 30 s for each target.
    Fuzz,
    /// The binary against a real control plane and a real Docker engine.
    EndToEnd,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        formatter.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut report = Report::default();
    let chosen = |step: &Step| arguments.only.is_empty() || arguments.only.contains(step);
    for step in Step::value_variants().iter().copied().filter(chosen) {
        report.run(step, steps::run)?;
    }
    report.close();
    Ok(())
}

//! `cargo xtask soak`: many seeded schedules of the simulation, in release mode, on all cores.

use anyhow::{Context, Result};

use crate::test_run::run_some;
use crate::workspace::cargo;

/// How long to look for trouble.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// So many schedules at most.
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// No schedule begins after so many seconds.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from: u64,
}

/// The test that does it; schedules that break an invariant are shrunk and printed.
const TEST: &str = "simulation::many_schedules_keep_the_invariants";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut test = cargo()?;
    test.args(["test", "--release", "--package=test-world", "--test=it", "--"]);
    test.args(["--ignored", "--exact", "--nocapture", TEST]);
    test.env("VK_SOAK_SCHEDULES", arguments.schedules.to_string());
    test.env("VK_SOAK_FROM", arguments.from.to_string());
    if let Some(seconds) = arguments.seconds {
        test.env("VK_SOAK_SECONDS", seconds.to_string());
    }
    run_some(&mut test, TEST).context("some schedules broke an invariant, or none was run")
}

//! `cargo xtask e2e faults`: the scenarios of `test/e2e` that break a control plane or an engine of their own.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result};
use test_cluster::{Programs, Requirement, ensure_installed};

use crate::bench::commit;
use crate::test_run::run_some;
use crate::workspace::cargo;

use super::{PACKAGE, build};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the scenarios whose names contain this.
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,
    /// How often the agent is killed in the loop that kills it.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Outages of five minutes too.
    #[arg(long)]
    long: bool,
    /// The same random draws as the run that reported this seed; what comes of them depends on the machine too.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure_installed(&Requirement::DOCKER)?;
    Programs::build()?;
    let binary = build()?;
    let report = binary.with_file_name("faults-report.md");
    fs::write(&report, heading()?).with_context(|| format!("cannot write {}", report.display()))?;

    let scenarios = format!("faults::{}", arguments.only.as_deref().unwrap_or_default());
    let mut tests = cargo()?;
    tests
        .args(["test", "--package", PACKAGE, "--test", "it", "--", "--ignored", "--nocapture"])
        // Two at once would disturb each other's figures.
        .arg("--test-threads=1")
        .arg(&scenarios)
        .env("VK_BINARY", binary)
        .env("VK_FAULTS_REPORT", &report)
        .env("VK_FAULTS_ROUNDS", arguments.rounds.to_string());
    if arguments.long {
        tests.env("VK_FAULTS_LONG", "1");
    }
    if let Some(seed) = arguments.seed {
        tests.env("VK_FAULTS_SEED", seed.to_string());
    }
    let passed = run_some(&mut tests, &scenarios);
    println!("\n{}\nwritten: {}", fs::read_to_string(&report)?, report.display());
    passed.context("not every scenario passed")
}

/// What was tried, and on what.
fn heading() -> Result<String> {
    let processors = thread::available_parallelism()?;
    let memory = fs::read_to_string(Path::new("/proc/meminfo")).context("cannot read /proc/meminfo")?;
    let memory = gibibytes(&memory).context("/proc/meminfo does not tell the size of memory")?;
    Ok(format!("## Faults: commit {}, {processors} processors, {memory} GiB\n\n", commit()?))
}

/// The machine's memory, rounded up.
fn gibibytes(meminfo: &str) -> Option<u64> {
    let kibibytes: u64 =
        meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes.div_ceil(1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_gibibytes() {
        assert_eq!(gibibytes("MemTotal:       24590000 kB\nMemFree: 1 kB\n"), Some(24));
        assert_eq!(gibibytes("MemFree: 1 kB\n"), None);
    }
}

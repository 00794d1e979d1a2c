//! `cargo xtask fuzz`: the targets of `fuzz/`, one after the other, each from its seeds and what earlier runs have found.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo_program::CargoProgram;
use crate::workspace::{Metadata, cargo, output_of, root};

/// Seconds for each target, unless others are asked for.
const SECONDS: u32 = 30;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Run only the targets whose names contain this.
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self { seconds: SECONDS, only: None }
    }
}

/// Where cargo-fuzz looks for targets.
const FOLDER: &str = "fuzz";
/// A single input must not take longer, in seconds.
const LONGEST_INPUT: u32 = 20;
/// The fuzzer with all that it has found must not take more memory, in MiB.
const MOST_MEMORY: u32 = 1024;
/// Lines of a log that are shown if something was found.
const LAST_LINES: usize = 60;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let fuzzer = CargoProgram::FUZZ.path()?;
    let listed = output_of(cargo_fuzz(&fuzzer, "list")?.args(["--fuzz-dir", FOLDER]))?;
    let targets = chosen(&listed, arguments.only.as_deref())?;
    let output = Metadata::read()?.target_directory.join(FOLDER);
    build(&fuzzer, &targets, &output)?;
    let programs = output.join(host()?).join("release");
    for target in targets {
        let inputs = Folders::of(target, &output)?;
        let units = fuzz(&programs.join(target), &inputs, arguments.seconds)?;
        println!("{target:<20}{units:>12} inputs in {} s", arguments.seconds);
    }
    Ok(())
}

fn cargo_fuzz(program: &Path, subcommand: &str) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(root()?).arg(subcommand);
    Ok(command)
}

/// The targets that are to run; there has to be one.
fn chosen<'a>(listed: &'a str, only: Option<&str>) -> Result<Vec<&'a str>> {
    let all: Vec<&str> = listed.split_whitespace().collect();
    let chosen: Vec<&str> = all.iter().copied().filter(|name| only.is_none_or(|part| name.contains(part))).collect();
    if chosen.is_empty() {
        bail!("no fuzz target has {:?} in its name; there are: {}", only.unwrap_or_default(), all.join(", "));
    }
    Ok(chosen)
}

/// Builds all targets at once, or the only one. Our crates forbid unsafe code, so no sanitizer is asked for: inputs that
/// are tried count for more.
fn build(fuzzer: &Path, targets: &[&str], output: &Path) -> Result<()> {
    let mut build = cargo_fuzz(fuzzer, "build")?;
    build.args(["--fuzz-dir", FOLDER, "--sanitizer", "none", "--target-dir"]).arg(output);
    if let [only] = targets {
        build.arg(only);
    }
    // The compiler of this repository, though cargo-fuzz was made for a nightly one.
    let status = build.env("RUSTC_BOOTSTRAP", "1").status().context("cannot start cargo-fuzz")?;
    if !status.success() {
        bail!("cannot build the fuzz targets: {status}");
    }
    Ok(())
}

/// The triple that cargo-fuzz builds for.
fn host() -> Result<String> {
    let told = output_of(cargo()?.arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("cargo does not tell its host")
}

/// Where a target's inputs are.
struct Folders {
    /// Part of the repository.
    seeds: PathBuf,
    /// What runs on this machine have found worth keeping.
    corpus: PathBuf,
    /// Inputs on which it failed.
    failures: PathBuf,
    log: PathBuf,
}

impl Folders {
    fn of(target: &str, output: &Path) -> Result<Self> {
        let folders = Self {
            seeds: root()?.join(FOLDER).join("seeds").join(target),
            corpus: output.join("corpus").join(target),
            failures: output.join("failures").join(target),
            log: output.join(format!("{target}.log")),
        };
        for folder in [&folders.corpus, &folders.failures] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(folders)
    }
}

/// Runs a target; answers with how many inputs it was given.
fn fuzz(program: &Path, folders: &Folders, seconds: u32) -> Result<u64> {
    let log = File::create(&folders.log).with_context(|| format!("cannot write {}", folders.log.display()))?;
    let status = Command::new(program)
        .arg(&folders.corpus)
        .arg(&folders.seeds)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={LONGEST_INPUT}"))
        .arg(format!("-rss_limit_mb={MOST_MEMORY}"))
        .arg(format!("-artifact_prefix={}/", folders.failures.display()))
        .arg("-print_final_stats=1")
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let log = fs::read(&folders.log)?;
    let log = String::from_utf8_lossy(&log);
    if !status.success() {
        let lines: Vec<&str> = log.lines().collect();
        let end = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        bail!(
            "{}\n{} has failed: {status}; again: {0} FILE, with a file of {}",
            end.join("\n"),
            program.display(),
            folders.failures.display()
        );
    }
    match units(&log) {
        Some(units @ 1..) => Ok(units),
        _ => bail!("{} ran nothing; its log: {}", program.display(), folders.log.display()),
    }
}

/// What libFuzzer says at its end.
fn units(log: &str) -> Option<u64> {
    log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_a_part_of_their_names() {
        assert_eq!(chosen("spdy_decoder\nquantity\n", None).unwrap(), ["spdy_decoder", "quantity"]);
        assert_eq!(chosen("spdy_decoder\nquantity\n", Some("spdy")).unwrap(), ["spdy_decoder"]);
        let nothing = chosen("spdy_decoder\nquantity\n", Some("http")).unwrap_err().to_string();
        assert_eq!(nothing, r#"no fuzz target has "http" in its name; there are: spdy_decoder, quantity"#);
    }

    #[test]
    fn the_number_of_inputs_is_read_from_the_last_words() {
        let log = "#8 DONE cov: 1\nstat::number_of_executed_units: 1234\nstat::average_exec_per_sec: 1\n";
        assert_eq!(units(log), Some(1234));
        assert_eq!(units("#8 pulse"), None);
    }

    #[test]
    fn a_target_that_runs_nothing_fails() {
        let folder = std::env::temp_dir().join(format!("xtask-fuzz-{}", std::process::id()));
        let folders = Folders {
            seeds: folder.clone(),
            corpus: folder.clone(),
            failures: folder.clone(),
            log: folder.join("log"),
        };
        fs::create_dir_all(&folder).unwrap();
        let quiet = fuzz(Path::new("true"), &folders, 1).unwrap_err().to_string();
        let failed = fuzz(Path::new("false"), &folders, 1).unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert!(quiet.contains("ran nothing"), "{quiet}");
        assert!(failed.contains("has failed: exit status: 1"), "{failed}");
    }
}

//! `cargo xtask bench`: builds the driver in `test/bench`, and the program if the scenario is about it, as they are released,
//! and lets the driver measure.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::{cargo, output_of, root};

/// What is measured, and how it is reported.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(clap::Subcommand)]
enum Scenario {
    /// Many pods at once on one node of a real control plane, then all of them deleted.
    #[command(disable_help_flag = true)]
    Burst(Flags),
    /// What a command prints through the kubelet API, and short commands, beside bare TLS.
    #[command(disable_help_flag = true)]
    Streams(Flags),
}

/// For the driver.
#[derive(clap::Args)]
struct Flags {
    /// `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    flags: Vec<String>,
}

/// The driver's and the agent's binaries, and their packages.
const DRIVER: (&str, &str) = ("bench", "test-bench");
const AGENT: (&str, &str) = ("virtual-kubelet", "vk-cli");

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (name, Flags { flags }, needed) = match &arguments.scenario {
        Scenario::Burst(flags) => ("burst", flags, &[DRIVER, AGENT][..]),
        Scenario::Streams(flags) => ("streams", flags, &[DRIVER][..]),
    };
    let programs = build(needed.iter().map(|(_, package)| *package))?;
    let program = |name: &str| programs.get(name).with_context(|| format!("cargo did not build {name}"));
    let driver = program(DRIVER.0)?;
    let profile = driver.parent().context("the driver has no directory")?;
    let mut measurement = Command::new(driver);
    measurement.args(["--commit", &commit()?]).arg("--reports").arg(profile.join("bench-reports")).arg(name);
    if needed.contains(&AGENT) {
        measurement.arg("--agent").arg(program(AGENT.0)?);
    }
    let status = measurement.args(flags).status().context("cannot start the driver")?;
    if !status.success() {
        bail!("the measurement failed: {status}");
    }
    Ok(())
}

/// Builds these packages in one go, so that they share what they depend on; answers with where their programs lie.
fn build<'a>(packages: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, PathBuf>> {
    let mut build = cargo()?;
    build.args(["build", "--release"]).args(packages.map(|package| format!("--package={package}")));
    build.args(["--message-format=json-render-diagnostics"]).stdout(Stdio::piped());
    let mut child = build.spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo was started without a pipe")?;
    let mut programs = BTreeMap::new();
    for line in BufReader::new(output).lines() {
        programs.extend(program_of(&line?));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cannot build: {status}");
    }
    Ok(programs)
}

/// A line of cargo's about a program that it has built, or found built.
fn program_of(line: &str) -> Option<(String, PathBuf)> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    // Lines about other things have other fields.
    let artifact: Artifact = serde_json::from_str(line).ok()?;
    Some((artifact.target.name, artifact.executable?))
}

/// What is built, and whether it differs from what is committed.
pub(crate) fn commit() -> Result<String> {
    let mut describe = Command::new("git");
    describe.current_dir(root()?).args(["describe", "--always", "--dirty", "--exclude=*"]);
    Ok(output_of(&mut describe)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_from_libraries_and_from_other_messages() {
        let program = r#"{"reason":"compiler-artifact","target":{"name":"bench","kind":["bin"]},"executable":"/t/release/bench"}"#;
        assert_eq!(program_of(program), Some(("bench".to_owned(), "/t/release/bench".into())));
        let library = r#"{"reason":"compiler-artifact","target":{"name":"serde","kind":["lib"]},"executable":null}"#;
        assert_eq!(program_of(library), None);
        assert_eq!(program_of(r#"{"reason":"build-finished","success":true}"#), None);
    }
}

//! `cargo xtask bench`: builds the program and the driver in `test/bench` as they are released, and lets the driver measure.

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
    /// The scenario and its flags: `burst [--pods N] [--runs N] [--creators N]`; `--help` tells more.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "SCENARIO")]
    scenario: Vec<String>,
}

/// The driver's and the agent's binaries.
const DRIVER: &str = "bench";
const AGENT: &str = "virtual-kubelet";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let programs = build()?;
    let program = |name: &str| programs.get(name).with_context(|| format!("cargo did not build {name}"));
    let (driver, agent) = (program(DRIVER)?, program(AGENT)?);
    let profile = driver.parent().context("the driver has no directory")?;
    let status = Command::new(driver)
        .arg("--agent")
        .arg(agent)
        .args(["--commit", &commit()?])
        .arg("--reports")
        .arg(profile.join("bench-reports"))
        .args(&arguments.scenario)
        .status()
        .context("cannot start the driver")?;
    if !status.success() {
        bail!("the measurement failed: {status}");
    }
    Ok(())
}

/// Builds both programs in one go, so that they share what they depend on; answers with where they lie.
fn build() -> Result<BTreeMap<String, PathBuf>> {
    let mut build = cargo()?;
    build.args(["build", "--release", "--package=vk-cli", "--package=test-bench"]);
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

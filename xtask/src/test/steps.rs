//! What each step does.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use test_cluster::{
    ControlPlane, ControlPlaneOptions, DockerEngine, DockerOptions, Programs, Requirement, ensure_installed,
};

use super::Step;
use super::report::Closing;
use crate::workspace::{Metadata, cargo, output_of, root};
use crate::{cargo_deny, tidy};

/// Folders whose tests run in steps of their own.
const WORLD: &str = "test/world";
const END_TO_END: &str = "test/e2e";

pub(super) fn run(step: Step, closing: &mut Closing) -> Result<()> {
    match step {
        Step::Packages => ensure_installed(&Requirement::DOCKER),
        Step::ControlPlane => control_plane(),
        Step::Format => format(),
        Step::Clippy => {
            succeed(cargo()?.args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny=warnings"]))
        }
        Step::Tidy => tidy::run(),
        Step::Deny => deny(),
        Step::Doc => {
            let mut doc = cargo()?;
            // Read by rustdoc alone, so it makes nothing be built anew.
            doc.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "--deny=warnings");
            succeed(&mut doc)
        }
        Step::Unit => unit(closing),
        Step::DocTests => closing.run_tests(cargo()?.args(["test", "--workspace", "--doc", "--quiet"])),
        Step::World => on_a_cluster(WORLD, closing),
        Step::EndToEnd => on_a_cluster(END_TO_END, closing),
    }
}

fn control_plane() -> Result<()> {
    let programs = Programs::build()?;
    println!("{}", programs.directory().display());
    Ok(())
}

fn format() -> Result<()> {
    succeed(cargo()?.args(["fmt", "--all", "--check"]))?;
    let unformatted = output_of(Command::new("gofmt").current_dir(root()?).args(["-l", "test/kube"]))?;
    if !unformatted.trim().is_empty() {
        bail!("not formatted: {} (run gofmt -w)", unformatted.trim());
    }
    Ok(())
}

fn deny() -> Result<()> {
    let mut deny = Command::new(cargo_deny::program()?);
    deny.current_dir(root()?);
    // Advisories are left out: they come over the network and change without us.
    deny.args(["--log-level=error", "check", "bans", "licenses", "sources"]);
    succeed(&mut deny)
}

fn unit(closing: &mut Closing) -> Result<()> {
    let metadata = Metadata::read()?;
    let mut test = cargo()?;
    test.args(["test", "--workspace", "--all-targets"]);
    for package in [WORLD, END_TO_END].into_iter().filter_map(|folder| metadata.package_in(folder)) {
        test.args(["--exclude", &package.name]);
    }
    closing.run_tests(&mut test)
}

/// Runs a folder's tests with a cluster and an engine of their own, which end with the step, however it ends.
fn on_a_cluster(folder: &str, closing: &mut Closing) -> Result<()> {
    let Some(mut tests) = tests_of(folder)? else { return Ok(()) };
    let engine = DockerEngine::start(DockerOptions::default()).context("cannot start a Docker engine")?;
    engine.load_test_image()?;
    // Where pods in containers reach it too.
    let address = engine.bridge_address().into();
    let control_plane = ControlPlane::start(ControlPlaneOptions { address, ..ControlPlaneOptions::default() })
        .context("cannot start a control plane")?;
    tests.envs(control_plane.environment()).env("DOCKER_HOST", engine.host());
    closing.run_tests(&mut tests)
}

/// `cargo test` for the package in a folder; `None`, with a word on it, where there is no such package.
fn tests_of(folder: &str) -> Result<Option<Command>> {
    let metadata = Metadata::read()?;
    let Some(package) = metadata.package_in(folder) else {
        println!("there is no {folder} yet");
        return Ok(None);
    };
    let mut test = cargo()?;
    test.args(["test", "--package", &package.name]);
    Ok(Some(test))
}

/// Runs a command that says itself what is wrong.
fn succeed(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
    let arguments = command.get_args().map(|argument| argument.display().to_string());
    let name = [program].into_iter().chain(arguments).collect::<Vec<_>>().join(" ");
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("`{name}` failed: {status}");
    }
    Ok(())
}

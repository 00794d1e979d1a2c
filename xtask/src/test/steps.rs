//! What each step does.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use test_cluster::{Clients, DockerEngine, DockerOptions, MetricsServer, Programs, Requirement, ensure_installed};

use super::Step;
use super::report::Closing;
use crate::cargo_program::CargoProgram;
use crate::workspace::{cargo, output_of, root};
use crate::{e2e, fuzz, tidy};

/// Packages whose tests run in steps of their own.
const WORLD: &str = "test-world";
const END_TO_END: &str = "test-e2e";
/// What is written in Go.
const GO_MODULES: [&str; 4] = ["test/clients", "test/kube", "test/metrics-server", "test/spdystream"];

pub(super) fn run(step: Step, closing: &mut Closing) -> Result<()> {
    match step {
        Step::Packages => packages(),
        Step::ControlPlane => control_plane(),
        Step::Clients => clients(),
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
        Step::World => closing.run_tests(cargo()?.args(["test", "--package", WORLD])),
        Step::Fuzz => fuzz::run(&fuzz::Arguments::default()),
        Step::EndToEnd => e2e::on_a_cluster(None, |tests| closing.run_tests(tests)),
    }
}

fn packages() -> Result<()> {
    ensure_installed(&[&Requirement::DOCKER[..], &Requirement::CLIENTS, &Requirement::PROMETHEUS].concat())
}

fn clients() -> Result<()> {
    Clients::build()?;
    MetricsServer::build()?;
    Ok(())
}

fn control_plane() -> Result<()> {
    let programs = Programs::build()?;
    println!("{}", programs.directory().display());
    Ok(())
}

fn format() -> Result<()> {
    succeed(cargo()?.args(["fmt", "--all", "--check"]))?;
    // A workspace of its own.
    succeed(cargo()?.args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    let unformatted = output_of(Command::new("gofmt").current_dir(root()?).args(["-l"]).args(GO_MODULES))?;
    if !unformatted.trim().is_empty() {
        bail!("not formatted: {} (run gofmt -w)", unformatted.trim());
    }
    Ok(())
}

fn deny() -> Result<()> {
    let mut deny = Command::new(CargoProgram::DENY.path()?);
    deny.current_dir(root()?);
    // Advisories are left out: they come over the network and change without us.
    deny.args(["--log-level=error", "check", "bans", "licenses", "sources"]);
    succeed(&mut deny)
}

fn unit(closing: &mut Closing) -> Result<()> {
    // The Docker provider's tests use it.
    let engine = DockerEngine::start(DockerOptions::default()).context("cannot start a Docker engine")?;
    let mut test = cargo()?;
    test.args(["test", "--workspace", "--all-targets", "--exclude", WORLD, "--exclude", END_TO_END]);
    // As the end-to-end tests have it.
    test.args(["--features", "vk-apiserver/serve"]);
    closing.run_tests(test.env("DOCKER_HOST", engine.host()))
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

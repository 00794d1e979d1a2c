//! `cargo xtask e2e`: the tests of `test/e2e` on a control plane and a Docker engine of their own.

mod faults;

use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use test_cluster::{
    Clients, ControlPlane, ControlPlaneOptions, DockerEngine, DockerOptions, MetricsServer, Programs, Requirement,
    ensure_installed,
};

use crate::test_run::run_some;
use crate::workspace::{build_virtual_kubelet, cargo};

const PACKAGE: &str = "test-e2e";
/// Tests wait most of their time, so there are more of them at once than processors.
const TESTS_PER_PROCESSOR: usize = 4;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// Run only the tests whose names contain this.
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,
    #[command(subcommand)]
    suite: Option<Suite>,
}

#[derive(clap::Subcommand)]
enum Suite {
    /// Minutes of faults instead: agents killed, connections cut, control planes and engines stopped; docs/reliability.md.
    Faults(faults::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(Suite::Faults(arguments)) = &arguments.suite {
        return faults::run(arguments);
    }
    let only = arguments.only.as_deref();
    on_a_cluster(only, |tests| run_some(tests, only.unwrap_or("at all")))
}

/// Builds and starts what the tests need and hands over the command that runs them. All of it ends with the call, however
/// that ends.
pub(crate) fn on_a_cluster(only: Option<&str>, run: impl FnOnce(&mut Command) -> Result<()>) -> Result<()> {
    Programs::build()?;
    ensure_installed(&[&Requirement::CLIENTS[..], &Requirement::PROMETHEUS].concat())?;
    Clients::build()?;
    MetricsServer::build()?;
    let binary = build()?;
    let engine = DockerEngine::start(DockerOptions::default()).context("cannot start a Docker engine")?;
    engine.load_test_image()?;
    // Where pods in containers reach it too.
    let address = engine.bridge_address().into();
    let control_plane = ControlPlane::start(ControlPlaneOptions { address, ..ControlPlaneOptions::default() })
        .context("cannot start a control plane")?;

    let threads = TESTS_PER_PROCESSOR * thread::available_parallelism().map_or(1, usize::from);
    let mut tests = cargo()?;
    tests
        .args(["test", "--package", PACKAGE, "--test", "it", "--"])
        .args(only)
        .arg(format!("--test-threads={threads}"))
        .envs(control_plane.environment())
        .env("DOCKER_HOST", engine.host())
        .env("VK_BINARY", binary);
    run(&mut tests)
}

/// Builds the program and its tests, so that nothing is compiled any more once a cluster runs. Answers with the program.
fn build() -> Result<PathBuf> {
    let binary = build_virtual_kubelet()?;
    let built = cargo()?.args(["test", "--package", PACKAGE, "--no-run"]).status().context("cannot start cargo")?;
    if !built.success() {
        bail!("cannot build the tests: {built}");
    }
    Ok(binary)
}

//! The project's own commands: `cargo xtask help`.

mod bench;
mod cargo_program;
mod cluster;
mod demo;
mod e2e;
mod fuzz;
mod mutants;
mod soak;
mod stopwatch;
mod test;
mod test_run;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands for those who work on this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what is released; docs/benchmarks.md says what the figures mean.
    Bench(bench::Arguments),
    /// A real Kubernetes control plane on this machine, for trying things out.
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// A cluster, a virtual node on Docker and a pod on it, each step told; ends with Ctrl-C.
    Demo(demo::Arguments),
    /// Run the program against a real control plane and a real Docker engine, as a user would.
    E2e(e2e::Arguments),
    /// Feed whatever reads foreign bytes with bytes that nobody would think of; docs/fuzzing.md.
    Fuzz(fuzz::Arguments),
    /// Print every deliberate bug that the tests look for, the invariant that it breaks, and what catches it.
    Mutants,
    /// Run the simulation for as long as wanted: random schedules of users, fate and faults.
    Soak(soak::Arguments),
    /// Check what no compiler checks: file lengths, arrows between crates, links, determinism rules.
    Tidy,
    /// Run every check and every test, installing what they need.
    Test(test::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Cluster(command) => cluster::run(&command),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::E2e(arguments) => e2e::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Mutants => mutants::run(),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Test(arguments) => test::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

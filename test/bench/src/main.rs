//! Measures `virtual-kubelet` on a real control plane. What a figure means stands in docs/benchmarks.md.
//!
//! Nothing here judges a time. A run fails only if the agent does something wrong.

mod agent;
mod burst;
mod cluster;
mod exposition;
mod http_get;
mod machine;
mod observer;
mod pods;
mod process;
mod report;
mod requests;
mod statistics;
mod streams;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures virtual-kubelet; `cargo xtask bench` builds and runs it.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// What was built, for the report.
    #[arg(long, value_name = "COMMIT")]
    commit: String,
    /// Where reports are written.
    #[arg(long, value_name = "DIRECTORY")]
    reports: PathBuf,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Many pods at once on one node, then all of them deleted.
    Burst(burst::Settings),
    /// Commands through the kubelet API: what one prints, and short ones one after the other, beside bare TLS.
    Streams(streams::Settings),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments { commit, reports, scenario } = &arguments;
    let measured = match scenario {
        Scenario::Burst(settings) => {
            burst::measure(settings, commit).and_then(|report| report::publish(&report, reports))
        }
        Scenario::Streams(settings) => {
            streams::measure(settings, commit).and_then(|report| report::publish(&report, reports))
        }
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

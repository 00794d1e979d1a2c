//! A burst: many pods at once on one node, then all of them deleted.

mod reading;
mod run;

use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::cluster::{self, DESCRIPTION};
use crate::machine::Machine;
use crate::report::Report;
pub(crate) use run::{Phase, Run};

/// What can be chosen.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// The program to measure.
    #[arg(long, value_name = "FILE")]
    agent: PathBuf,
    /// Pods, all on one node.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pods: u32,
    /// How often to measure, each time with a new agent on a new node.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Pods that are being created at any one moment.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    creators: u32,
}

/// Starts a control plane and measures on it.
pub(crate) fn measure(settings: &Settings, commit: &str) -> Result<Report> {
    let control_plane = cluster::start().context("cannot start a control plane")?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let client = cluster::connect(&control_plane).await?;
        let kubernetes = client.apiserver_version().await?.git_version;
        let mut report = Report {
            date: Timestamp::now(),
            commit: commit.to_owned(),
            machine: Machine::read()?,
            kubernetes,
            control_plane: DESCRIPTION,
            pods: settings.pods,
            creators: settings.creators,
            runs: Vec::new(),
        };
        for number in 1..=settings.runs {
            let scenario = run::Scenario {
                cluster: &control_plane,
                client: &client,
                binary: &settings.agent,
                node: format!("bench-{number}"),
                pods: usize::try_from(settings.pods)?,
                creators: usize::try_from(settings.creators)?,
            };
            let run = scenario.run().await.with_context(|| format!("run {number}"))?;
            println!("run {number} of {}: {}", settings.runs, run.in_short());
            report.runs.push(run);
        }
        Ok(report)
    })
}

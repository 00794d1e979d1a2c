//! The report: every run as JSON, and all of them summed up as Markdown.

mod summary;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Serialize;

use crate::burst::Run;
use crate::machine::Machine;

/// What was measured, on what.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) date: Timestamp,
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) kubernetes: String,
    pub(crate) control_plane: &'static str,
    pub(crate) pods: u32,
    pub(crate) creators: u32,
    pub(crate) runs: Vec<Run>,
}

/// What a scenario has to say.
pub(crate) trait Measured: Serialize {
    /// Which scenario it was: the beginning of the report's name.
    fn scenario(&self) -> String;

    /// When it was.
    fn date(&self) -> Timestamp;

    /// The summary.
    fn markdown(&self) -> String;
}

impl Measured for Report {
    fn scenario(&self) -> String {
        format!("burst-{}", self.pods)
    }

    fn date(&self) -> Timestamp {
        self.date
    }

    fn markdown(&self) -> String {
        summary::markdown(self)
    }
}

/// Prints the summary, and writes both.
pub(crate) fn publish(report: &impl Measured, directory: &Path) -> Result<()> {
    let summary = report.markdown();
    print!("\n{summary}");
    let name = format!("{}-{}", report.scenario(), report.date().strftime("%Y%m%dT%H%M%SZ"));
    let write = || {
        fs::create_dir_all(directory)?;
        fs::write(directory.join(format!("{name}.md")), &summary)?;
        fs::write(directory.join(format!("{name}.json")), serde_json::to_vec_pretty(report)?)?;
        anyhow::Ok(())
    };
    write().with_context(|| format!("cannot write {name} to {}", directory.display()))?;
    println!("\nwritten: {}", directory.join(name).with_added_extension("{md,json}").display());
    Ok(())
}

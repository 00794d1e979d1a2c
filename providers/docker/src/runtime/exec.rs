//! Commands in containers, for probes and hooks.

use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures::TryStreamExt;
use vk_core::{Error, Result};
use vk_pod_engine::runtime::{ContainerId, ExecOutcome};

use super::exit_code::exit_code;
use crate::connection::{error_of, read_error};

/// As much is kept of what a command writes; the rest is read and dropped, or the command would block.
const KEPT: usize = 10 << 10;

/// Runs a command to its end.
pub(super) async fn run(docker: &Docker, id: &ContainerId, command: Vec<String>) -> Result<ExecOutcome> {
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command),
        ..CreateExecOptions::default()
    };
    let made = docker.create_exec(id.as_str(), options).await.map_err(error_of)?;
    let mut kept = Vec::new();
    if let StartExecResults::Attached { mut output, .. } = docker.start_exec(&made.id, None).await.map_err(error_of)? {
        while let Some(piece) = output.try_next().await.map_err(read_error)? {
            let piece = piece.into_bytes();
            let room = KEPT.saturating_sub(kept.len()).min(piece.len());
            kept.extend_from_slice(&piece[..room]);
        }
    }
    let unknown = || Error::outcome_unknown("Docker does not say how the command has ended");
    let exit_code = exit_code(docker, &made.id).await?.ok_or_else(unknown)?;
    Ok(ExecOutcome { exit_code, output: String::from_utf8_lossy(&kept).into_owned() })
}

//! `--run -- COMMAND`.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitCode;

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::error::DevError;

/// Runs a command against the cluster, to its end; its exit code is ours. Whoever ends us before ends it too.
pub(super) async fn run(
    command: &[OsString],
    kubeconfig: &Path,
    shutdown: &CancellationToken,
) -> Result<ExitCode, DevError> {
    let Some((program, arguments)) = command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let failed = |error| DevError::Command { program: program.clone(), error };
    let mut child = Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    tokio::select! {
        biased;
        ended = child.wait() => {
            let status = ended.map_err(failed)?;
            // As a shell says it.
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
        }
        () = shutdown.cancelled() => {
            child.kill().await.map_err(failed)?;
            Ok(ExitCode::from(128 + 15))
        }
    }
}

//! How a command in a container has ended.

use std::time::Duration;

use bollard::Docker;
use tokio::time::{Instant, sleep};
use vk_core::Result;

use crate::connection::read_error;

/// The first pause between two looks, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

/// Docker may note the end of a command, and its code a moment later.
const NOTED_WITHIN: Duration = Duration::from_secs(2);

/// Waits for the end of a command whose output has ended: a command may close its output and go on. `None` if it has ended
/// and Docker does not say how. Whoever waits for the command sets the bound.
pub(super) async fn exit_code(docker: &Docker, exec: &str) -> Result<Option<i64>> {
    let [mut pause, longest] = PAUSES;
    let mut ended_at = None;
    loop {
        let state = docker.inspect_exec(exec).await.map_err(read_error)?;
        if state.running != Some(true) {
            let ended_at = *ended_at.get_or_insert_with(Instant::now);
            if state.exit_code.is_some() || ended_at.elapsed() >= NOTED_WITHIN {
                return Ok(state.exit_code);
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use bollard::API_DEFAULT_VERSION;
    use serde_json::json;

    use super::*;
    use crate::fake_docker::FakeDocker;

    #[tokio::test]
    async fn a_command_that_runs_on_without_output_is_waited_for() {
        let engine = FakeDocker::start(json!({"ID": "e", "Running": true}));
        let docker = Docker::connect_with_unix(&engine.socket().to_string_lossy(), 120, API_DEFAULT_VERSION).unwrap();
        let waiting = tokio::spawn(async move { exit_code(&docker, "e").await });
        // Longer than what is waited for a code to be noted.
        sleep(NOTED_WITHIN + Duration::from_millis(500)).await;
        engine.replace(json!({"ID": "e", "Running": false}));
        sleep(PAUSES[1] + Duration::from_millis(200)).await;
        engine.replace(json!({"ID": "e", "Running": false, "ExitCode": 7}));
        assert_eq!(waiting.await.unwrap().unwrap(), Some(7));
    }

    #[tokio::test]
    async fn an_end_that_is_never_explained_is_told_as_such() {
        let engine = FakeDocker::start(json!({"ID": "e", "Running": false}));
        let docker = Docker::connect_with_unix(&engine.socket().to_string_lossy(), 120, API_DEFAULT_VERSION).unwrap();
        assert_eq!(exit_code(&docker, "e").await.unwrap(), None);
    }
}

//! Logs of one run of a container, and which run a request means.

use jiff::Timestamp;
use vk_core::{ContainerObservation, ContainerState, Error, Result};
use vk_provider::{LogRequest, LogStream};

/// Which part of a run's log is wanted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ContainerLogRequest {
    /// Go on as lines are written, until the run ends.
    pub follow: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<u64>,
    /// Only lines written since.
    pub since: Option<Timestamp>,
    /// Put the time before each line, as RFC 3339 with nanoseconds and a space.
    pub timestamps: bool,
    /// Which of the two streams.
    pub stream: LogStream,
}

impl ContainerLogRequest {
    /// The last lines of both streams.
    pub fn tail(lines: u64) -> Self {
        Self { follow: false, tail_lines: Some(lines), since: None, timestamps: false, stream: LogStream::All }
    }
}

impl From<&LogRequest> for ContainerLogRequest {
    fn from(request: &LogRequest) -> Self {
        Self {
            follow: request.follow,
            tail_lines: request.tail_lines,
            since: request.since,
            timestamps: request.timestamps,
            stream: request.stream,
        }
    }
}

/// The container id, scheme included, of the run whose log is meant, as the kubelet chooses it: the newest run, or with
/// `previous` the one before; a container that waits to be restarted has only its last run.
///
/// # Errors
/// [`vk_core::ErrorKind::Unresolved`] if there is no such run; the message is the kubelet's.
pub(crate) fn run_of_log(container: &ContainerObservation, pod_name: &str, previous: bool) -> Result<String> {
    let name = &container.name;
    let reference = || format!("container {name:?}");
    let last = container.last.as_ref().map(|last| last.container_id.clone()).filter(|id| !id.is_empty());
    if previous {
        return last.ok_or_else(|| {
            let message = format!("previous terminated container {name:?} in pod {pod_name:?} not found");
            Error::unresolved(reference(), message)
        });
    }
    let newest = match &container.state {
        ContainerState::Running { .. } => Some(container.container_id.clone()),
        ContainerState::Terminated(run) => Some(run.container_id.clone()),
        ContainerState::Waiting { .. } | ContainerState::Unknown => None,
    };
    if let Some(id) = newest.filter(|id| !id.is_empty()).or(last) {
        return Ok(id);
    }
    let why = match &container.state {
        ContainerState::Waiting { reason, .. } => match reason.as_str() {
            "ErrImagePull" => "image can't be pulled".to_owned(),
            "ImagePullBackOff" => "trying and failing to pull image".to_owned(),
            reason => reason.to_owned(),
        },
        _ => "it has not run".to_owned(),
    };
    let message = format!("container {name:?} in pod {pod_name:?} is waiting to start: {why}");
    Err(Error::unresolved(reference(), message))
}

#[cfg(test)]
mod tests {
    use vk_core::{ContainerKind, Terminated};

    use super::*;

    fn run(id: &str) -> Terminated {
        let mut run = Terminated::with_exit_code(1);
        run.container_id = id.to_owned();
        run
    }

    fn container(state: ContainerState) -> ContainerObservation {
        ContainerObservation::new("web", ContainerKind::App, state)
    }

    #[test]
    fn a_crash_looping_container_shows_its_last_run_with_and_without_previous() {
        let mut waiting = container(ContainerState::waiting("CrashLoopBackOff", ""));
        waiting.last = Some(run("docker://1"));
        assert_eq!(run_of_log(&waiting, "pod", false).unwrap(), "docker://1");
        assert_eq!(run_of_log(&waiting, "pod", true).unwrap(), "docker://1");
    }

    #[test]
    fn previous_is_the_run_before_the_one_that_runs() {
        let mut running = container(ContainerState::Running { started_at: None });
        running.container_id = "docker://2".to_owned();
        running.last = Some(run("docker://1"));
        assert_eq!(run_of_log(&running, "pod", false).unwrap(), "docker://2");
        assert_eq!(run_of_log(&running, "pod", true).unwrap(), "docker://1");
    }

    #[test]
    fn a_container_that_never_ran_says_why() {
        let waiting = container(ContainerState::waiting("ImagePullBackOff", ""));
        let error = run_of_log(&waiting, "pod", false).unwrap_err();
        assert!(error.message.contains("trying and failing to pull image"), "{error}");
        assert!(run_of_log(&waiting, "pod", true).unwrap_err().message.contains("previous terminated"));
    }
}

//! Whether a container can have a log yet, in the kubelet's words.

use vk_core::ContainerState;

use crate::pod_source::ContainerEntry;

/// Why there cannot be a log, or `None` if the provider is to be asked.
///
/// A container that waits to be started again still has the log of its last run.
pub(crate) fn why_unavailable(container: &ContainerEntry, pod: &str, previous: bool) -> Option<String> {
    let name = &container.name;
    let Some(state) = &container.state else {
        return Some(format!("container \"{name}\" in pod \"{pod}\" is not available"));
    };
    if previous {
        let absent = container.last.is_none();
        return absent.then(|| format!("previous terminated container \"{name}\" in pod \"{pod}\" not found"));
    }
    let ContainerState::Waiting { reason, .. } = state else { return None };
    if container.last.is_some() {
        return None;
    }
    let reason = match reason.as_str() {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        other => other,
    };
    Some(format!("container \"{name}\" in pod \"{pod}\" is waiting to start: {reason}"))
}

#[cfg(test)]
mod tests {
    use vk_core::{ContainerKind, Terminated};

    use super::*;

    fn container(state: Option<ContainerState>, last: Option<Terminated>) -> ContainerEntry {
        let entry = ContainerEntry::new("app", ContainerKind::App);
        match state {
            Some(state) => entry.with_status(state, last),
            None => entry,
        }
    }

    fn why(state: Option<ContainerState>, last: Option<Terminated>, previous: bool) -> Option<String> {
        why_unavailable(&container(state, last), "web", previous)
    }

    fn waiting(reason: &str) -> Option<ContainerState> {
        Some(ContainerState::waiting(reason, ""))
    }

    #[test]
    fn what_waits_for_its_first_start_has_no_log() {
        let start = r#"container "app" in pod "web" is waiting to start: "#;
        for (reason, shown) in [
            ("ContainerCreating", "ContainerCreating"),
            ("ErrImagePull", "image can't be pulled"),
            ("ImagePullBackOff", "trying and failing to pull image"),
        ] {
            assert_eq!(why(waiting(reason), None, false), Some(format!("{start}{shown}")));
        }
        assert_eq!(why(None, None, false).unwrap(), r#"container "app" in pod "web" is not available"#);
    }

    #[test]
    fn what_ran_once_has_a_log() {
        let ended = || Some(Terminated::with_exit_code(1));
        assert_eq!(why(waiting("CrashLoopBackOff"), ended(), false), None);
        assert_eq!(why(Some(ContainerState::Running { started_at: None }), None, false), None);
        assert_eq!(why(Some(ContainerState::Terminated(Terminated::with_exit_code(0))), None, false), None);
        assert_eq!(why(Some(ContainerState::Unknown), None, false), None);
    }

    #[test]
    fn the_previous_run_must_have_been() {
        let running = || Some(ContainerState::Running { started_at: None });
        let missing = why(running(), None, true).unwrap();
        assert_eq!(missing, r#"previous terminated container "app" in pod "web" not found"#);
        assert_eq!(why(running(), Some(Terminated::with_exit_code(1)), true), None);
    }
}

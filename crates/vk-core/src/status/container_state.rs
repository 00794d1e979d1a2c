//! The states of a container as the API writes them: whole seconds, nothing empty, messages within their budget.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::observation::Terminated;
use crate::time::whole_seconds;

/// Reason of a run whose end nobody saw; controllers and people know it from the kubelet.
pub(super) const STATUS_UNKNOWN: &str = "ContainerStatusUnknown";

/// Exit code of a run whose end nobody saw: as if it had been killed.
const UNKNOWN_EXIT_CODE: i32 = 137;

/// What the termination messages of a pod's containers may hold together, in bytes (`terminationMessagePath` in the API
/// reference).
const TERMINATION_MESSAGES_LIMIT: usize = 12 * 1024;

/// Bound of every other message, in bytes.
pub(super) const MESSAGE_LIMIT: usize = 4 * 1024;

/// The text, unless it is empty, cut at a character so that it has no more than `limit` bytes.
pub(super) fn text(value: &str, limit: usize) -> Option<String> {
    let clipped = value.get(..value.floor_char_boundary(limit)).unwrap_or_default();
    (!clipped.is_empty()).then(|| clipped.to_owned())
}

/// The time in whole seconds. Engines write the year 1, or the epoch, for "never".
pub(super) fn time(timestamp: Option<Timestamp>) -> Option<Time> {
    timestamp.filter(|timestamp| timestamp.as_second() > 0).map(|timestamp| Time(whole_seconds(timestamp)))
}

pub(super) fn waiting(reason: &str, message: &str) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: text(reason, MESSAGE_LIMIT), message: text(message, MESSAGE_LIMIT) };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

pub(super) fn running(started_at: Option<Time>) -> ContainerState {
    ContainerState { running: Some(ContainerStateRunning { started_at }), ..ContainerState::default() }
}

pub(super) fn terminated(run: ContainerStateTerminated) -> ContainerState {
    ContainerState { terminated: Some(run), ..ContainerState::default() }
}

/// A run as the back end reports it, its message not yet cut to its share.
pub(super) fn run(run: &Terminated) -> ContainerStateTerminated {
    let default_reason = if run.exit_code == 0 { "Completed" } else { "Error" };
    ContainerStateTerminated {
        exit_code: run.exit_code,
        signal: run.signal.filter(|signal| *signal != 0),
        reason: text(&run.reason, MESSAGE_LIMIT).or_else(|| Some(default_reason.to_owned())),
        message: text(&run.message, TERMINATION_MESSAGES_LIMIT),
        started_at: time(run.started_at),
        finished_at: time(run.finished_at),
        container_id: text(&run.container_id, MESSAGE_LIMIT),
    }
}

/// A run whose end nobody saw; what the API knows of its beginning stays.
pub(super) fn lost_run(known: Option<&ContainerStatus>, message: &str) -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: UNKNOWN_EXIT_CODE,
        reason: Some(STATUS_UNKNOWN.to_owned()),
        message: Some(message.to_owned()),
        started_at: known.and_then(running_of).and_then(|running| running.started_at.clone()),
        container_id: known.and_then(|status| status.container_id.clone()),
        ..ContainerStateTerminated::default()
    }
}

pub(super) fn running_of(status: &ContainerStatus) -> Option<&ContainerStateRunning> {
    status.state.as_ref()?.running.as_ref()
}

pub(super) fn terminated_of(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.terminated.as_ref()
}

/// The run before the one that `state` is about.
pub(super) fn last_run_of(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.last_state.as_ref()?.terminated.as_ref()
}

/// Whether this container neither runs nor has ended: the API's default for a state that says nothing.
pub(super) fn is_waiting(status: &ContainerStatus) -> bool {
    running_of(status).is_none() && terminated_of(status).is_none()
}

/// Cuts termination messages so that those of all containers fit into their common limit.
pub(super) fn share_message_budget(statuses: &mut [ContainerStatus], containers_of_pod: usize) {
    let share = TERMINATION_MESSAGES_LIMIT / containers_of_pod.max(1);
    for status in statuses {
        for state in [&mut status.state, &mut status.last_state] {
            if let Some(run) = state.as_mut().and_then(|state| state.terminated.as_mut()) {
                run.message = run.message.take().and_then(|message| text(&message, share));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_characters() {
        assert_eq!(text("aä", 2).as_deref(), Some("a"));
        assert_eq!(text("aä", 3).as_deref(), Some("aä"));
        assert_eq!(text("ä", 1), None);
    }

    #[test]
    fn the_year_one_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z".parse().ok()), None);
        let second: Timestamp = "2026-11-22T10:00:00.75Z".parse().unwrap();
        assert_eq!(time(Some(second)).map(|time| time.0.to_string()).as_deref(), Some("2026-11-22T10:00:00Z"));
    }

    #[test]
    fn all_termination_messages_fit_together() {
        let status = |name: &str| ContainerStatus {
            name: name.to_owned(),
            state: Some(terminated(run(&Terminated { message: "x".repeat(20_000), ..Terminated::with_exit_code(1) }))),
            ..ContainerStatus::default()
        };
        let mut statuses = [status("a"), status("b"), status("c")];
        share_message_budget(&mut statuses, 3);
        let total: usize =
            statuses.iter().filter_map(terminated_of).filter_map(|run| run.message.as_ref()).map(String::len).sum();
        assert_eq!(total, TERMINATION_MESSAGES_LIMIT);
    }
}

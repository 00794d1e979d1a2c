//! A pod that runs: what is observed of it.

use k8s_openapi::api::core::v1::ContainerRestartRule;
use serde_json::json;

use super::*;

#[test]
fn a_stale_observation_changes_nothing() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(stopped(0, 1)));
    assert_eq!(harness.writing(), None);
    assert!(matches!(harness.verdict(), Verdict::Observed));
}

/// vk#1157: a notification for a pod's predecessor was written into its successor.
#[test]
fn vk_1157_an_observation_of_another_uid_changes_nothing() {
    let mut harness = Harness::running();
    let mut other = stopped(9, 1);
    other.uid = PodUid::from("u2");
    harness.event(Event::Observed(other));
    assert_eq!(harness.writing(), None);
}

#[test]
fn a_crash_loop_is_no_end() {
    let mut harness = Harness::running();
    let crashed = observation(2, Stage::Active, ContainerState::Terminated(Terminated::with_exit_code(1)));
    harness.event(Event::Observed(crashed));
    assert_eq!(harness.verdict(), Verdict::Observed);
}

#[test]
fn each_event_of_the_back_end_is_recorded_once() {
    let mut harness = Harness::running();
    let mut second = running(2);
    let event = crate::BackendEvent {
        kind: crate::EventType::Normal,
        reason: "Preempting".into(),
        message: "in two minutes".into(),
        container: None,
    };
    second.events.push(event);
    harness.event(Event::Observed(second.clone()));
    assert_eq!(harness.events(), ["Preempting"]);
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
    second.revision = 3;
    harness.event(Event::Observed(second));
    assert!(harness.events().is_empty());
}

#[test]
fn only_what_is_expected_to_change_is_polled_quickly() {
    let mut harness = Harness::running();
    assert!(!harness.machine.in_transition(), "it runs");
    harness.event(Event::Observed(observation(2, Stage::Active, ContainerState::waiting("CrashLoopBackOff", ""))));
    assert!(harness.machine.in_transition(), "a container waits");
    harness.event(Event::Observed(running(3))).deleted(30);
    harness.finish(CallOutcome::Terminated(Ok(None)));
    assert!(harness.machine.in_transition(), "its end is awaited");
    harness.event(Event::Observed(stopped(4, 0)));
    assert!(!harness.machine.in_transition(), "it has ended");
}

/// KEP-5307: a container's own policy and rules decide, not the pod's alone.
#[test]
fn a_container_that_is_restarted_by_a_rule_has_not_come_to_its_end() {
    let on_exit_codes = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
    let rules: Vec<ContainerRestartRule> = serde_json::from_value(on_exit_codes).unwrap();
    let mut never = facts();
    never.restart_policy = RestartPolicy::Never;
    never.containers[0].restart = ContainerRestart::new(Some("Never"), &rules);
    let exited = |revision, code| {
        observation(revision, Stage::Active, ContainerState::Terminated(Terminated::with_exit_code(code)))
    };
    let mut harness = Harness::with(PodFacts { started: true, ..never }, REMEMBERS);
    harness.listed(exited(1, 42));
    assert_eq!(harness.end(), None, "it is started again");
    harness.event(Event::Observed(exited(2, 1)));
    assert_eq!(harness.end(), Some(EndCause::Completed));
}

#[test]
fn a_container_that_is_never_restarted_ends_a_pod_that_always_is() {
    let mut always = PodFacts { started: true, ..facts() };
    always.containers[0].restart = ContainerRestart::new(Some("Never"), &[]);
    let mut harness = Harness::with(always, REMEMBERS);
    harness.listed(observation(1, Stage::Active, ContainerState::Terminated(Terminated::with_exit_code(1))));
    assert_eq!(harness.end(), Some(EndCause::Completed));
}

#[test]
fn once_told_to_stop_no_rule_restarts_anything() {
    let mut always = PodFacts { restart_policy: RestartPolicy::Never, started: true, ..facts() };
    always.containers[0].restart = ContainerRestart::new(Some("Always"), &[]);
    let mut harness = Harness::with(always, REMEMBERS);
    harness.listed(running(1)).deleted(30).finish(CallOutcome::Adopted(Ok(())));
    harness.finish(CallOutcome::Terminated(Ok(None)));
    let exited = ContainerState::Terminated(Terminated::with_exit_code(1));
    harness.event(Event::Observed(observation(2, Stage::Active, exited)));
    assert_eq!(harness.end(), Some(EndCause::Stopped));
}

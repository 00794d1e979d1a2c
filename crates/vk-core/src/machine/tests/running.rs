//! A pod that runs: observations, updates, deadlines.

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
fn a_changed_image_is_carried_over_once() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.containers[0].image = "app:2".into());
    assert_eq!(harness.under_way(), Some(Call::Update { images: true, metadata: false, deadline: false }));
    harness.finish(CallOutcome::Updated(Ok(())));
    assert_eq!(harness.under_way(), None);
}

/// [code] pod.go:201 of the Go project: an error of an update made a running pod Failed.
#[test]
fn vk_361_an_update_error_does_not_touch_the_pod() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.metadata_fingerprint += 1).answer(WriteOutcome::Unchanged { phase: Phase::Running });
    harness.finish(CallOutcome::Updated(Err(Error::internal("not implemented"))));
    assert_eq!(harness.verdict(), Verdict::Observed);
    assert_eq!(harness.writing(), None);
    assert_eq!(harness.events(), ["ProviderFailed"]);
}

#[test]
fn the_active_deadline_stops_the_pod() {
    let mut harness = Harness::running();
    let started = harness.now.wall;
    harness.api(|facts| {
        facts.active_deadline_seconds = Some(60);
        facts.start_time = Some(started);
    });
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running }).finish(CallOutcome::Updated(Ok(())));
    harness.wake();
    assert_eq!(harness.now.wall.duration_since(started).as_secs(), 60);
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(30) }));
    harness.finish(CallOutcome::Terminated(Ok(Some(stopped(2, 143)))));
    assert_eq!(harness.verdict(), Verdict::Ended(EndCause::DeadlineExceeded));
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
fn a_change_during_an_update_is_carried_over_too() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.metadata_fingerprint += 1);
    assert_eq!(harness.under_way(), Some(Call::Update { images: false, metadata: true, deadline: false }));
    harness.api(|facts| facts.containers[0].image = "app:2".into());
    harness.finish(CallOutcome::Updated(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Update { images: true, metadata: false, deadline: false }));
}

#[test]
fn an_update_that_failed_for_now_is_repeated_and_a_refused_one_is_not() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.metadata_fingerprint += 1);
    let update = Some(Call::Update { images: false, metadata: true, deadline: false });
    harness.finish(CallOutcome::Updated(Err(Error::outcome_unknown("time-out")))).wake();
    assert_eq!(harness.under_way(), update);
    harness.finish(CallOutcome::Updated(Err(Error::unsupported("metadata", "never")))).pass(Duration::from_secs(999));
    assert_eq!(harness.under_way(), None);
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

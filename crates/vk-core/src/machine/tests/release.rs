//! When the back end lets go of a pod that has ended, and what may still be told of its end.

use super::*;

const RETENTION: Duration = Duration::from_secs(600);

fn ended(release: Release) -> Harness {
    let mut harness = Harness::running();
    harness.machine.policy.release = release;
    harness.event(Event::Observed(stopped(2, 0)));
    harness
}

#[test]
fn a_completed_pod_is_released_after_its_retention() {
    let mut harness = ended(Release::AfterTerminal(RETENTION));
    harness.wrote(Phase::Succeeded);
    let begun = harness.now.mono;
    harness.wake();
    assert_eq!((harness.now.mono, harness.under_way()), (begun + RETENTION, Some(Call::Remove)));
    harness.finish(CallOutcome::Removed(Ok(())));
    assert_eq!((harness.writing(), harness.machine.wake_at(harness.now)), (None, None), "its status stays as it is");
    assert_eq!(harness.end(), Some(EndCause::Completed));
    assert!(!harness.is_forgotten());
}

#[test]
fn without_a_retention_it_is_kept_until_it_is_deleted() {
    let mut harness = ended(Release::OnDelete);
    harness.wrote(Phase::Succeeded);
    assert_eq!(harness.machine.wake_at(harness.now), None);
    harness.pass(RETENTION * 1000);
    assert_eq!(harness.under_way(), None);
}

/// Invariant 4: the retention does not outrun the acknowledgement.
#[test]
fn nothing_is_released_before_the_end_is_acknowledged() {
    let mut harness = ended(Release::AfterTerminal(Duration::ZERO));
    for _ in 0..10 {
        assert_eq!((harness.under_way(), harness.writing()), (None, Some(Write::Status)));
        harness.answer(WriteOutcome::Failed { message: "500".into(), retry_after: None }).wake();
    }
    harness.wrote(Phase::Succeeded);
    assert_eq!(harness.under_way(), Some(Call::Remove));
}

#[test]
fn a_deletion_does_not_wait_for_the_retention() {
    let mut harness = ended(Release::AfterTerminal(RETENTION));
    harness.wrote(Phase::Succeeded).deleted(30).answer(WriteOutcome::Unchanged { phase: Phase::Succeeded });
    assert_eq!((harness.under_way(), harness.writing()), (Some(Call::Remove), Some(Write::Delete)));
}

#[test]
fn a_release_that_fails_is_repeated() {
    let mut harness = ended(Release::AfterTerminal(RETENTION));
    harness.wrote(Phase::Succeeded).wake();
    for _ in 0..30 {
        assert_eq!(harness.under_way(), Some(Call::Remove));
        harness.finish(CallOutcome::Removed(Err(Error::unavailable("503")))).wake();
    }
}

#[test]
fn what_was_released_before_a_restart_has_ended_all_the_same() {
    let finished = PodFacts { started: true, phase: Phase::Succeeded, ..facts() };
    let policy = BackendPolicy { release: Release::AfterTerminal(RETENTION), ..REMEMBERS };
    let mut harness = Harness::with(finished, policy);
    harness.listed_absent().absent();
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Succeeded });
    assert_eq!((harness.under_way(), harness.writing()), (None, None));
}

/// Back ends learn exit codes late.
#[test]
fn more_that_becomes_known_of_the_end_is_told() {
    let mut harness = Harness::running();
    let unknown = observation(2, Stage::Stopped, ContainerState::Unknown);
    harness.event(Event::Observed(unknown)).wrote(Phase::Failed);
    harness.event(Event::Observed(stopped(3, 42)));
    assert_eq!(harness.writing(), Some(Write::Status));
    assert_eq!(harness.machine.status_basis().observation, Some(&stopped(3, 42)));
}

#[test]
fn less_that_is_remembered_of_the_end_is_not_told() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(stopped(2, 42)));
    harness.answer(WriteOutcome::Failed { message: "500".into(), retry_after: None });
    harness.event(Event::Observed(PodObservation::new(uid(), 3, Stage::Stopped))).wake();
    assert_eq!(harness.writing(), Some(Write::Status));
    assert_eq!(harness.machine.status_basis().observation, Some(&stopped(2, 42)));
}

//! Writes that the API server refuses.

use super::*;

/// Refused so often that the back-off is at its longest.
fn refused_for_long() -> Harness {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    for _ in 0..10 {
        harness.answer(WriteOutcome::Refused { message: "422".into() }).wake();
    }
    harness.answer(WriteOutcome::Refused { message: "422".into() });
    harness
}

fn until_the_next_write(harness: &mut Harness) -> Duration {
    let begun = harness.now.mono;
    while harness.writing().is_none() {
        harness.wake();
    }
    harness.now.mono - begun
}

/// The back-off outlived what it was earned by: the end of the pod was told minutes later.
#[test]
fn the_end_does_not_sit_out_the_back_off_of_a_refusal() {
    let mut harness = refused_for_long();
    assert!(until_the_next_write(&mut harness.clone()) > Duration::from_secs(100));
    harness.event(Event::Observed(stopped(3, 0)));
    assert_eq!(harness.writing(), Some(Write::Status));
}

#[test]
fn a_deletion_does_not_sit_out_the_back_off_of_a_refusal() {
    let mut harness = refused_for_long();
    harness.deleted(30);
    assert!(until_the_next_write(&mut harness) <= Duration::from_secs(1));
}

#[test]
fn what_is_mended_is_tried_soon_and_what_changes_all_the_time_is_not_tried_all_the_time() {
    let mut mended = refused_for_long();
    mended.api(|facts| facts.labels += 1);
    assert!(until_the_next_write(&mut mended) <= Duration::from_secs(10));

    let (mut restless, mut writes) = (refused_for_long(), 0);
    for revision in 3..103 {
        restless.pass(Duration::from_secs(1)).event(Event::Observed(running(revision)));
        if restless.writing().is_some() {
            writes += 1;
            restless.answer(WriteOutcome::Refused { message: "422".into() });
        }
    }
    assert!((5..=11).contains(&writes), "{writes} writes in 100 s");
}

/// One bad annotation of a provider kept its pods Pending, and then Terminating, for ever.
#[test]
fn what_the_back_end_wants_to_be_noted_is_left_out_if_it_is_refused() {
    let annotated = |revision, name: &str| {
        let mut observation = running(revision);
        observation.annotations.insert(name.into(), "x".into());
        observation
    };
    let mut harness = Harness::running();
    harness.event(Event::Observed(annotated(2, "Foo Bar")));
    assert!(harness.machine.status_basis().annotations.contains_key("Foo Bar"));
    harness.answer(WriteOutcome::Refused { message: "metadata.annotations: \"Foo Bar\"".into() });
    assert_eq!(harness.events(), ["ApiWriteRefused"]);
    assert!(until_the_next_write(&mut harness) < Duration::from_secs(1));
    assert!(harness.machine.status_basis().annotations.is_empty());
    harness.wrote(Phase::Running);
    harness.event(Event::Observed(annotated(3, "Foo Bar")));
    assert!(harness.machine.status_basis().annotations.is_empty(), "the same is not tried again");
    harness.wrote(Phase::Running);
    harness.event(Event::Observed(annotated(4, "foo")));
    assert!(harness.machine.status_basis().annotations.contains_key("foo"));
}

/// Each cost a quorum list every few seconds, for each pod, and nobody was told.
#[test]
fn a_write_that_is_forbidden_for_good_is_told_and_tried_rarely() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    let (begun, mut proofs) = (harness.now.mono, 0);
    while harness.now.mono - begun < Duration::from_secs(3600) {
        harness.answer(WriteOutcome::IdentityLost { message: "pods \"web\" is forbidden".into() });
        assert_eq!(harness.writing(), Some(Write::ProveAbsence));
        proofs += 1;
        harness.answer(WriteOutcome::StillThere);
        assert_eq!(harness.events(), ["ApiWriteRefused"]);
        harness.wake();
    }
    assert!(proofs < 40, "{proofs} quorum lists in an hour");
}

#[test]
fn writes_that_fail_for_long_are_told_and_a_blip_is_not() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    let mut told = Vec::new();
    for failure in 1..=130 {
        harness.answer(WriteOutcome::Failed { message: "500: webhook".into(), retry_after: None });
        if harness.events() == ["ApiWriteFailed"] {
            told.push(failure);
        }
        harness.wake();
    }
    assert_eq!(told, [5, 60, 120]);
}

//! The API writes: level-triggered, by UID, never given up.

use super::*;

/// The watch was silent: what was compared was older than what had been written. Found by the simulation: seed 1824.
#[test]
fn an_echo_that_comes_late_is_compared_with_what_is_known_by_then() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(observation(2, Stage::Active, ContainerState::waiting("CrashLoopBackOff", ""))));
    harness.answer(WriteOutcome::Applied { phase: Phase::Running, resource_version: "77".into() });
    harness.event(Event::Observed(running(3))).wake();
    assert_eq!(harness.writing(), Some(Write::Status));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
    assert_eq!(harness.writing(), None);
    harness.api(|facts| facts.resource_version = "77".into());
    assert_eq!(harness.writing(), Some(Write::Status), "that version says that it waits");
}

#[test]
fn the_echo_of_our_own_write_is_no_news() {
    let mut harness = Harness::running();
    let version = harness.machine.facts().unwrap().resource_version.clone();
    harness.api(|facts| facts.resource_version = version);
    assert_eq!(harness.writing(), None);
}

/// vk#899: after a node flap the Go project never restored Ready; its provider had nothing new to say.
#[test]
fn vk_899_a_foreign_status_change_is_compared_again() {
    let mut harness = Harness::running();
    harness.api(|_| {});
    assert_eq!(harness.writing(), Some(Write::Status));
}

#[test]
fn the_next_write_waits_for_the_echo_of_the_last() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::Applied { phase: Phase::Running, resource_version: "77".into() });
    harness.event(Event::Observed(running(3)));
    assert_eq!(harness.writing(), None, "it would be computed from an old version");
    harness.api(|facts| facts.resource_version = "77".into());
    assert_eq!(harness.writing(), Some(Write::Status));
}

#[test]
fn a_lost_echo_does_not_hold_the_next_write_for_ever() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::Applied { phase: Phase::Running, resource_version: "77".into() });
    harness.event(Event::Observed(running(3))).wake();
    assert_eq!(harness.writing(), Some(Write::Status));
}

#[test]
fn forbidden_is_not_absent() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::IdentityLost { message: "403".into() });
    assert_eq!(harness.writing(), Some(Write::ProveAbsence));
    harness.answer(WriteOutcome::StillThere).wake();
    assert_eq!(harness.writing(), Some(Write::Status));
    assert_eq!(harness.under_way(), None);
}

#[test]
fn a_proved_absence_stops_the_workload() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::IdentityLost { message: "404".into() });
    harness.answer(WriteOutcome::Absent);
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
}

#[test]
fn retry_after_is_honoured() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    let retry_after = Some(Duration::from_secs(17));
    harness.answer(WriteOutcome::Failed { message: "429".into(), retry_after });
    harness.pass(Duration::from_secs(16));
    assert_eq!(harness.writing(), None);
    harness.pass(Duration::from_secs(1));
    assert_eq!(harness.writing(), Some(Write::Status));
}

/// perf-reliability.md, row 10: client-go's back-off made a new pod wait up to a minute after an outage.
#[test]
fn after_any_outage_the_next_write_comes_within_five_seconds() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    for _ in 0..500 {
        harness.answer(WriteOutcome::Failed { message: "connection refused".into(), retry_after: None });
        let before = harness.now.mono;
        harness.wake();
        assert!(harness.now.mono - before <= Duration::from_secs(5));
    }
}

/// vk#938: a status that the server refuses kept the pod from ever being deleted at the provider.
#[test]
fn vk_938_a_refused_status_does_not_hold_up_the_stop() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::Refused { message: "422".into() });
    harness.deleted(30);
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
}

#[test]
fn a_refused_write_is_visible() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::Refused { message: "422".into() });
    assert_eq!(harness.events(), ["ApiWriteRefused"]);
}

#[test]
fn an_echo_that_overtakes_its_answer_is_not_waited_for() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.api(|facts| facts.resource_version = "77".into());
    harness.answer(WriteOutcome::Applied { phase: Phase::Running, resource_version: "77".into() });
    assert_eq!(harness.writing(), Some(Write::Status));
}

/// The API server takes new words.
fn reworded(harness: &mut Harness) {
    harness.event(Event::Observed(running(2)));
    assert!(harness.machine.status_basis().may_reword);
    harness.answer(WriteOutcome::Reworded { phase: Phase::Running, resource_version: "77".into() });
    harness.api(|facts| facts.resource_version = "77".into());
    assert_eq!(harness.writing(), None);
}

/// perf-reliability.md: a message that counts seconds made a write of every one of them.
#[test]
fn messages_that_change_all_the_time_are_written_rarely() {
    let mut harness = Harness::running();
    reworded(&mut harness);
    let written = harness.now.mono;
    for revision in 3..7 {
        harness.pass(Duration::from_secs(1)).event(Event::Observed(running(revision)));
        assert_eq!(harness.writing(), Some(Write::Status), "it may be more than words");
        assert!(!harness.machine.status_basis().may_reword);
        harness.answer(WriteOutcome::OnlyWords { phase: Phase::Running });
        assert_eq!(harness.writing(), None);
    }
    harness.wake();
    assert_eq!((harness.now.mono, harness.writing()), (written + Duration::from_secs(10), Some(Write::Status)));
    assert!(harness.machine.status_basis().may_reword);
}

#[test]
fn words_about_the_end_wait_for_nothing() {
    let mut harness = Harness::running();
    reworded(&mut harness);
    harness.event(Event::Observed(stopped(3, 1)));
    assert_eq!(harness.writing(), Some(Write::Status));
    assert!(harness.machine.status_basis().may_reword);
}

#[test]
fn what_came_while_words_were_held_back_is_not_held_back() {
    let mut harness = Harness::running();
    reworded(&mut harness);
    harness.event(Event::Observed(running(3)));
    harness.event(Event::Observed(observation(4, Stage::Active, ContainerState::waiting("CrashLoopBackOff", ""))));
    harness.answer(WriteOutcome::OnlyWords { phase: Phase::Running });
    assert_eq!(harness.writing(), Some(Write::Status));
}

//! The agent's own end: what is known of a pod is written once more.

use super::*;

fn owes_nothing(harness: &Harness) -> bool {
    !harness.machine.owes_a_write()
}

#[test]
fn a_status_that_waits_for_news_is_written_at_once() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(()))).finish(CallOutcome::Created(Ok(Created::default())));
    assert_eq!(harness.writing(), None, "it would be written in a second");
    harness.event(Event::AgentEnds);
    assert_eq!(harness.writing(), Some(Write::Status));
    harness.wrote(Phase::Pending);
    assert!(owes_nothing(&harness));
}

#[test]
fn a_status_in_back_off_is_written_at_once_and_once() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    let refused = || WriteOutcome::Refused { message: "422".into() };
    harness.answer(refused()).event(Event::AgentEnds);
    assert_eq!(harness.writing(), Some(Write::Status));
    harness.answer(refused());
    assert!(owes_nothing(&harness), "an API server that does not take it does not hold up the end");
}

#[test]
fn the_last_write_waits_for_the_echo_and_survives_a_conflict() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::Applied { phase: Phase::Running, resource_version: "77".into() });
    harness.event(Event::Observed(stopped(3, 1))).event(Event::AgentEnds);
    assert_eq!(harness.writing(), None, "it would be computed from an old version");
    assert!(harness.machine.owes_a_write());
    harness.api(|facts| facts.resource_version = "77".into()).answer(WriteOutcome::Conflict);
    assert!(harness.machine.owes_a_write());
    harness.wake().wrote(Phase::Failed);
    assert!(owes_nothing(&harness));
}

#[test]
fn a_write_under_way_is_followed_by_what_has_changed_since() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(running(2))).event(Event::Observed(stopped(3, 1))).event(Event::AgentEnds);
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
    assert_eq!(harness.writing(), Some(Write::Status));
    assert!(harness.machine.owes_a_write());
}

#[test]
fn nothing_new_is_begun_at_the_back_end() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.event(Event::AgentEnds).listed_absent();
    assert_eq!(harness.under_way(), None);
    assert!(owes_nothing(&harness), "nothing is known of it");
}

#[test]
fn a_pod_about_which_all_is_told_owes_nothing() {
    let mut harness = Harness::running();
    harness.event(Event::AgentEnds);
    assert_eq!(harness.writing(), None);
    assert!(owes_nothing(&harness));
}

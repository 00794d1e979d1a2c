//! Lookups: what they prove, and who does not wait for them.

use super::*;

const BY_HANDLE: BackendPolicy = BackendPolicy { lists_all: false, ..REMEMBERS };

/// A pod that runs, and about which a lookup is to tell.
fn doubted() -> Harness {
    let mut harness = Harness::with(PodFacts { started: true, phase: Phase::Running, ..facts() }, BY_HANDLE);
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None })));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running }).finish(CallOutcome::Adopted(Ok(())));
    if harness.writing().is_some() {
        harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
    }
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Lookup));
    harness
}

/// Under a read budget its turn came minutes later, and the stop after it.
#[test]
fn a_stop_does_not_wait_for_the_turn_of_a_lookup() {
    let mut harness = doubted();
    harness.deleted(30);
    assert!(harness.effects.iter().any(|effect| matches!(effect, Effect::Cancel { .. })));
    harness.finish(CallOutcome::LookedUp(Err(Error::cancelled())));
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(30) }));
}

fn is_urgent(harness: &Harness) -> bool {
    harness.machine.calls.in_flight().is_some_and(|(id, _)| harness.machine.is_urgent(id))
}

fn is_cancelled(harness: &Harness) -> bool {
    harness.effects.iter().any(|effect| matches!(effect, Effect::Cancel { .. }))
}

/// It waited behind those of a thousand other pods.
#[test]
fn a_lookup_that_tells_whether_there_is_anything_to_stop_waits_behind_no_others() {
    let mut harness = Harness::with(facts(), BY_HANDLE);
    assert!(harness.under_way() == Some(Call::Lookup) && !is_urgent(&harness));
    harness.deleted(30);
    assert!(is_cancelled(&harness));
    harness.finish(CallOutcome::LookedUp(Err(Error::cancelled())));
    assert!(harness.under_way() == Some(Call::Lookup) && is_urgent(&harness));
    harness.deleted(10);
    assert!(!is_cancelled(&harness), "it is under way");
    harness.finish(CallOutcome::LookedUp(Err(Error::unavailable("503")))).wake();
    assert!(harness.under_way() == Some(Call::Lookup) && !is_urgent(&harness), "one of them is");

    let was_deleted = Deletion { due: start_of_time().wall, grace_seconds: 30 };
    let harness = Harness::with(PodFacts { deletion: Some(was_deleted), ..facts() }, BY_HANDLE);
    assert!(harness.under_way() == Some(Call::Lookup) && is_urgent(&harness));
}

/// It had its turn already.
#[test]
fn a_lookup_that_was_to_give_up_and_is_answered_counts() {
    let mut harness = Harness::with(facts(), BY_HANDLE);
    harness.deleted(30);
    assert!(is_cancelled(&harness));
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None })));
    assert_eq!(harness.under_way(), Some(Call::Adopt), "its context is handed over before the stop");
}

/// It asks how the stop goes on.
#[test]
fn a_lookup_of_a_pod_that_was_told_to_stop_is_not_urgent() {
    let mut harness = Harness::running();
    harness.deleted(5).finish(CallOutcome::Terminated(Ok(None)));
    harness.pass(Duration::from_secs(30));
    assert!(harness.under_way() == Some(Call::Lookup) && !is_urgent(&harness) && !is_cancelled(&harness));
}

/// While lookups waited for their turn, the node was read as if something were about to change, which made more of them.
#[test]
fn a_lookup_of_a_steady_pod_is_no_transition() {
    assert!(!doubted().machine.in_transition());
}

/// A slow back end evaluated it before the create had settled, and answered after.
#[test]
fn absence_is_judged_by_when_it_was_asked_for() {
    let settling = BackendPolicy { settle: Duration::from_secs(10), ..REMEMBERS };
    let mut harness = Harness::with(facts(), settling);
    harness.pass(Duration::from_secs(60)).listed_absent().finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("no answer")))).wake();
    assert_eq!(harness.under_way(), Some(Call::Lookup));
    harness.now.mono += Duration::from_secs(15);
    harness.absent();
    assert_eq!(harness.under_way(), Some(Call::Lookup), "that said nothing");
    harness.absent();
    assert_eq!(harness.under_way(), Some(Call::Create));
}

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

#[test]
fn a_lookup_that_tells_whether_there_is_anything_to_stop_goes_on() {
    let mut harness = Harness::with(facts(), BY_HANDLE);
    harness.deleted(30);
    assert_eq!(harness.under_way(), Some(Call::Lookup));
    assert!(!harness.effects.iter().any(|effect| matches!(effect, Effect::Cancel { .. })));
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

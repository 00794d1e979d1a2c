//! Loss: never two at once, never a run that the spec forbids (invariant 3).

use super::*;

fn ran_before() -> PodFacts {
    PodFacts { started: true, phase: Phase::Running, ..facts() }
}

/// vk#762, open since 2019: the agent was down while the pod died; on restart the Go project created it again.
#[test]
fn vk_762_lost_status_is_not_a_second_run() {
    let mut harness = Harness::with(ran_before(), REMEMBERS);
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Lookup), "one list is no proof");
    harness.absent();
    assert_eq!(harness.under_way(), None);
    assert!(matches!(harness.verdict(), Verdict::Ended(EndCause::Lost { .. })));
    harness.wrote(Phase::Failed);
    assert_eq!((harness.under_way(), harness.writing()), (None, None));
}

#[test]
fn an_error_is_never_read_as_a_loss() {
    let mut harness = Harness::with(ran_before(), REMEMBERS);
    harness.listed_absent();
    for _ in 0..50 {
        harness.finish(CallOutcome::LookedUp(Err(Error::unavailable("503"))));
        assert_eq!(harness.writing(), None, "nothing is said about a pod of which nothing is known");
        harness.wake();
        assert_eq!(harness.under_way(), Some(Call::Lookup));
    }
}

#[test]
fn another_back_end_cannot_prove_that_ours_lost_the_pod() {
    let before = PodFacts { instance: Some(BackendInstance::from("engine-1")), ..ran_before() };
    let mut harness = Harness::with(before, REMEMBERS);
    let other = Some(BackendInstance::from("engine-2"));
    let asked_at = harness.now.mono;
    harness.event(Event::Listed { found: None, instance: other.clone(), asked_at });
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: None, instance: other })));
    assert_eq!(harness.events(), ["BackendInstanceChanged"]);
    assert_eq!((harness.under_way(), harness.writing()), (None, None));
    harness.wake();
    let back = LookedUp { found: Some(running(9)), instance: Some(BackendInstance::from("engine-1")) };
    harness.finish(CallOutcome::LookedUp(Ok(back)));
    assert_eq!(harness.under_way(), Some(Call::Adopt));
}

/// Found by the simulation: seed 315.
#[test]
fn a_pod_that_no_list_will_name_is_not_forgotten_while_another_back_end_answers() {
    let ours = || Some(BackendInstance::from("engine-1"));
    let before = PodFacts { instance: ours(), ..ran_before() };
    for (lists_all, is_forgotten) in [(true, true), (false, false)] {
        let mut harness = Harness::with(before.clone(), BackendPolicy { lists_all, ..REMEMBERS });
        if lists_all {
            harness.listed_absent();
        }
        let elsewhere = LookedUp { found: None, instance: Some(BackendInstance::from("engine-2")) };
        harness.finish(CallOutcome::LookedUp(Ok(elsewhere)));
        harness.event(Event::Gone { deletion: None });
        assert_eq!(harness.is_forgotten(), is_forgotten, "lists all: {lists_all}");
        if !is_forgotten {
            assert_eq!(harness.under_way(), Some(Call::Lookup));
            harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(9)), instance: ours() })));
            assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
        }
    }
}

#[test]
fn a_fenced_back_end_may_run_a_lost_pod_again_where_its_policy_wants_that() {
    let fenced = BackendPolicy { recreates_lost: true, ..REMEMBERS };
    let mut harness = Harness::with(ran_before(), fenced);
    harness.listed_absent().absent();
    assert_eq!(harness.under_way(), Some(Call::Prepare));

    let never = PodFacts { restart_policy: RestartPolicy::Never, ..ran_before() };
    let mut harness = Harness::with(never, fenced);
    harness.listed_absent().absent();
    assert!(matches!(harness.verdict(), Verdict::Ended(EndCause::Lost { .. })));
}

/// Found by the simulation: seed 2578.
#[test]
fn what_may_have_ended_well_and_been_forgotten_is_not_run_again() {
    let policy = BackendPolicy { recreates_lost: true, forgets: true, ..REMEMBERS };
    for (restart_policy, runs_again) in [(RestartPolicy::Always, true), (RestartPolicy::OnFailure, false)] {
        let ran = PodFacts { restart_policy, start_time: Some(start_of_time().wall), ..ran_before() };
        let mut harness = Harness::with(ran, policy);
        harness.listed_absent().absent();
        assert_eq!(harness.under_way() == Some(Call::Prepare), runs_again, "{restart_policy:?}");
        assert_eq!(harness.end().is_some(), !runs_again, "{restart_policy:?}");
    }
}

/// Two agents of one identity. Found by the simulation: seed 1176.
#[test]
fn a_pod_that_another_agent_has_started_was_not_lost_before() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Prepare));
    harness.api(|facts| (facts.started, facts.phase) = (true, Phase::Running));
    assert_eq!(harness.end(), None);
    harness.finish(CallOutcome::Prepared(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Lookup));
}

/// It was asked before that, without the handle, and answered after. Found by the simulation: seed 1176.
#[test]
fn what_was_asked_before_another_agent_started_a_pod_does_not_speak_of_it() {
    let handle = || crate::Handle::new(b"7".to_vec()).ok();
    for started in [true, false] {
        let mut harness = Harness::with(facts(), BackendPolicy { lists_all: false, ..REMEMBERS });
        assert_eq!((harness.under_way(), harness.machine.handle()), (Some(Call::Lookup), None));
        harness.api(|facts| (facts.started, facts.handle) = (started, handle()));
        harness.absent();
        assert_eq!((harness.end(), harness.under_way()), (None, Some(Call::Lookup)), "started: {started}");
        assert_eq!(harness.machine.handle(), handle().as_ref());
        harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None })));
        assert_eq!(harness.under_way(), Some(Call::Adopt));
    }
}

#[test]
fn a_lost_pod_that_is_being_deleted_never_restarts() {
    let fenced = BackendPolicy { recreates_lost: true, ..REMEMBERS };
    let mut harness = Harness::with(ran_before(), fenced);
    harness.deleted(30).listed_absent().absent();
    assert_eq!(harness.under_way(), None);
    assert_eq!(harness.verdict(), Verdict::Ended(EndCause::Stopped));
}

#[test]
fn recorded_intent_is_evidence_where_the_back_end_forgets() {
    let policy = BackendPolicy { forgets: true, ..REMEMBERS };
    let intended = PodFacts { start_time: Some(start_of_time().wall), ..facts() };
    let mut harness = Harness::with(intended.clone(), policy);
    harness.listed_absent().absent();
    assert!(matches!(harness.verdict(), Verdict::Ended(EndCause::Lost { .. })));

    let mut harness = Harness::with(intended, REMEMBERS);
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Prepare), "a back end that remembers would have it");
}

#[test]
fn a_pod_that_vanishes_while_it_runs_is_looked_up_and_then_lost() {
    let mut harness = Harness::running();
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Lookup));
    harness.absent();
    assert!(matches!(harness.verdict(), Verdict::Ended(EndCause::Lost { .. })));
}

#[test]
fn a_list_from_before_the_create_says_nothing() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    let asked_at = harness.now.mono;
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.pass(Duration::from_millis(10));
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    harness.event(Event::Listed { found: None, instance: None, asked_at });
    assert!(matches!(harness.machine.backend(), BackendView::Present(_)));
}

#[test]
fn an_observation_that_overtakes_a_lookup_is_not_a_loss() {
    let mut harness = Harness::running();
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Lookup));
    harness.event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
    harness.absent();
    assert_eq!(harness.end(), None);
    assert_eq!(harness.under_way(), Some(Call::Lookup), "it is asked once more");
    harness.absent();
    assert!(matches!(harness.end(), Some(EndCause::Lost { .. })));
}

#[test]
fn another_attempt_is_prepared_anew() {
    let fenced = BackendPolicy { recreates_lost: true, ..REMEMBERS };
    let mut harness = Harness::with(facts(), fenced);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    harness.listed_absent().absent();
    assert_eq!(harness.under_way(), Some(Call::Prepare));
}

/// Where a list does not name every pod, the pods that it leaves out are looked up at its pace.
#[test]
fn a_pod_that_no_list_names_is_looked_up() {
    let by_handle = BackendPolicy { lists_all: false, ..REMEMBERS };
    let mut harness = Harness::with(facts(), by_handle);
    harness.absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    assert_eq!(harness.under_way(), None);
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Lookup));
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(2)), instance: None })));
    assert_eq!(harness.under_way(), None, "once for each list");
    harness.listed_absent().absent().absent();
    assert!(matches!(harness.end(), Some(EndCause::Lost { .. })));
}

/// Nothing was written of it: it stayed Running and Ready while the back end had no room to start it again.
#[test]
fn a_lost_pod_that_waits_for_another_attempt_is_told_as_lost() {
    let fenced = BackendPolicy { recreates_lost: true, ..REMEMBERS };
    let mut harness = Harness::with(ran_before(), fenced);
    harness.listed_absent().absent().finish(CallOutcome::Prepared(Ok(())));
    assert_eq!((harness.under_way(), harness.writing()), (Some(Call::Create), None), "it may be back at once");
    harness.finish(CallOutcome::Created(Err(Error::unavailable("503")))).wake().absent();
    harness.pass(Duration::from_secs(1));
    assert_eq!(harness.writing(), Some(Write::Status));
    assert!(matches!(harness.verdict(), Verdict::Recreating { reason, .. } if reason == "CreateContainerError"));
    harness.wrote(Phase::Running);
    assert_eq!(harness.under_way(), Some(Call::Create));
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    assert_eq!(harness.verdict(), Verdict::Observed);
}

//! From the first sight of a pod to its first run.

use super::*;

#[test]
fn a_new_pod_is_prepared_created_and_told_once() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    assert_eq!(harness.under_way(), None, "nothing happens before the back end was listed");
    harness.listed_absent();
    assert_eq!(harness.under_way(), Some(Call::Prepare));
    harness.finish(CallOutcome::Prepared(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Create));
    assert_eq!(harness.writing(), None, "a pod that starts at once is written once");
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    assert_eq!(harness.writing(), Some(Write::Status));
    harness.wrote(Phase::Running);
    assert_eq!((harness.under_way(), harness.writing()), (None, None));
    assert_eq!(harness.machine.wake_at(harness.now), None, "nothing more to do");
}

#[test]
fn a_slow_start_is_told_after_a_second() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Ok(Created::default())));
    assert_eq!(harness.writing(), None);
    harness.wake();
    assert_eq!(harness.writing(), Some(Write::Status));
    assert_eq!(harness.now.mono, start_of_time().mono + Duration::from_secs(1));
}

#[test]
fn a_pod_found_in_the_back_end_is_adopted_not_created() {
    let mut harness = Harness::with(PodFacts { started: true, phase: Phase::Running, ..facts() }, REMEMBERS);
    harness.listed(running(5));
    assert_eq!(harness.under_way(), Some(Call::Adopt));
    harness.finish(CallOutcome::Adopted(Ok(())));
    assert_eq!(harness.under_way(), None);
}

#[test]
fn an_unsupported_field_waits_for_a_change_and_says_so() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Err(Error::unsupported("spec.hostPID", "remove it"))));
    assert_eq!(harness.events(), ["UnsupportedField"]);
    let Verdict::Waiting { reason, message } = harness.verdict() else { panic!("it waits") };
    assert_eq!(reason, "CreateContainerConfigError");
    assert!(message.contains("spec.hostPID"));
    harness.wrote(Phase::Pending);
    harness.pass(Duration::from_secs(100_000));
    assert_eq!(harness.under_way(), None);
    harness.api(|facts| facts.labels += 1);
    assert_eq!(harness.under_way(), Some(Call::Prepare));
}

#[test]
fn a_rejected_pod_fails_with_the_reason() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Err(Error::rejected("OutOfcpu", "no room"))));
    let rejected = EndCause::Rejected { reason: "OutOfcpu".into(), message: "no room".into() };
    assert_eq!(harness.verdict(), Verdict::Ended(rejected));
    harness.wrote(Phase::Failed);
    assert_eq!((harness.under_way(), harness.writing()), (None, None));
}

/// vk#1310, vk#773: after 20 failures the Go project dropped the pod for good.
#[test]
fn vk_1310_twenty_failures_are_not_the_end() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    for attempt in 0..100 {
        assert_eq!(harness.under_way(), Some(Call::Prepare), "attempt {attempt}");
        harness.finish(CallOutcome::Prepared(Err(Error::unresolved("configmap \"settings\"", "not found"))));
        if harness.writing().is_some() {
            harness.wrote(Phase::Pending);
        }
        let before = harness.now.mono;
        harness.wake();
        assert!(harness.now.mono - before <= Duration::from_secs(10));
    }
    harness.finish(CallOutcome::Prepared(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Create));
}

/// [code] pod.go:89 of the Go project: a failed lookup was read as "not found".
#[test]
fn a_create_of_unknown_outcome_is_looked_up_before_it_is_repeated() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("time-out"))));
    for _ in 0..30 {
        harness.wake();
        assert_eq!(harness.under_way(), Some(Call::Lookup));
        harness.finish(CallOutcome::LookedUp(Err(Error::unavailable("503"))));
    }
    harness.wake().absent().prepared_again();
    assert_eq!(harness.under_way(), Some(Call::Create));
}

#[test]
fn a_create_that_did_take_effect_is_not_repeated() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("time-out"))));
    harness.wake();
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None })));
    assert_eq!(harness.under_way(), Some(Call::Adopt));
}

#[test]
fn absence_proves_nothing_before_the_back_end_has_settled() {
    let policy = BackendPolicy { settle: Duration::from_secs(60), ..REMEMBERS };
    let mut harness = Harness::with(facts(), policy);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("time-out"))));
    harness.wake().absent();
    assert_eq!(harness.under_way(), None);
    harness.wake();
    assert_eq!(harness.under_way(), Some(Call::Lookup), "it is asked again");
    harness.pass(Duration::from_secs(60)).absent().prepared_again();
    assert_eq!(harness.under_way(), Some(Call::Create));
}

#[test]
fn where_the_back_end_forgets_intent_is_recorded_before_the_create() {
    let policy = BackendPolicy { forgets: true, ..REMEMBERS };
    let mut harness = Harness::with(facts(), policy);
    harness.listed_absent();
    assert_eq!(harness.writing(), None, "a pod that may be refused yet has no intent");
    harness.finish(CallOutcome::Prepared(Ok(())));
    assert_eq!((harness.under_way(), harness.writing()), (None, Some(Write::Status)));
    let start_time = harness.machine.status_basis().start_time;
    assert_eq!(start_time, Some(harness.now.wall));
    harness.answer(WriteOutcome::Applied { phase: Phase::Pending, resource_version: "9".into() });
    assert_eq!(harness.under_way(), None);
    harness.api(|facts| facts.start_time = start_time);
    assert_eq!(harness.under_way(), Some(Call::Create));
}

#[test]
fn an_outage_that_ends_ends_the_back_off() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Err(Error::unavailable("refused"))));
    assert_eq!(harness.under_way(), None);
    harness.event(Event::BackendRecovered);
    assert_eq!(harness.under_way(), Some(Call::Prepare));
}

#[test]
fn intent_is_recorded_also_after_a_failed_preparation() {
    let policy = BackendPolicy { forgets: true, ..REMEMBERS };
    let mut harness = Harness::with(facts(), policy);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Err(Error::unresolved("configmap \"settings\"", "not found"))));
    harness.wrote(Phase::Pending).wake();
    harness.finish(CallOutcome::Prepared(Ok(())));
    assert_eq!(harness.writing(), Some(Write::Status));
    let start_time = harness.machine.status_basis().start_time;
    harness.answer(WriteOutcome::Applied { phase: Phase::Pending, resource_version: "9".into() });
    harness.api(|facts| facts.start_time = start_time);
    assert_eq!(harness.under_way(), Some(Call::Create));
}

#[test]
fn a_pod_that_changes_before_it_is_created_is_prepared_anew() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.api(|facts| facts.containers[0].image = "app:2".into());
    harness.finish(CallOutcome::Prepared(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Prepare), "the change came while it was prepared");
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Err(Error::new(ErrorKind::Unauthenticated, "401"))));
    harness.api(|facts| facts.containers[0].image = "app:3".into()).wake();
    assert_eq!(harness.under_way(), Some(Call::Prepare), "the change came before the next create");
}

#[test]
fn what_changes_while_a_pod_is_created_is_carried_over() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.api(|facts| facts.containers[0].image = "app:2".into());
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    assert_eq!(harness.under_way(), Some(Call::Update(Changes { images: true, ..Changes::default() })));
}

#[test]
fn a_create_that_keeps_failing_is_repeated_ever_more_slowly() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        assert_eq!(harness.under_way(), Some(Call::Create));
        harness.finish(CallOutcome::Created(Err(Error::unavailable("503"))));
        let before = harness.now.mono;
        harness.wake().absent().prepared_again();
        longest = longest.max(harness.now.mono - before);
    }
    assert!(longest >= Duration::from_secs(5), "{longest:?}");
}

/// A refusal of a call that has to be made all the same.
#[test]
fn no_answer_makes_it_call_in_a_tight_loop() {
    let hurried = Error::internal("again").retry_after(Duration::ZERO);
    for error in [Error::unsupported("spec", "never"), Error::rejected("No", "never"), hurried] {
        let mut harness = Harness::with(PodFacts { started: true, ..facts() }, REMEMBERS);
        harness.listed(running(1));
        for _ in 0..20 {
            assert_eq!(harness.under_way(), Some(Call::Adopt));
            let before = harness.now.mono;
            harness.finish(CallOutcome::Adopted(Err(error.clone())));
            assert_eq!(harness.under_way(), None);
            harness.wake();
            assert!(harness.now.mono - before >= Duration::from_millis(50));
        }
    }
}

#[test]
fn no_delay_that_a_back_end_asks_for_is_too_long_to_be_counted() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.machine.policy.settle = Duration::MAX;
    harness.finish(CallOutcome::Prepared(Err(Error::unavailable("x").retry_after(Duration::MAX))));
    assert_eq!(harness.machine.wake_at(harness.now), Some(Duration::MAX));
    harness.event(Event::BackendRecovered).finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("time-out")))).wake().absent();
    harness.listed_absent();
    assert_eq!(harness.under_way(), None);
}

/// A push often overtakes the reply of the create that caused it.
#[test]
fn what_only_the_reply_of_a_create_tells_is_written_too() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.event(Event::Observed(running(1)));
    assert_eq!(harness.writing(), None, "the reply will tell more");
    let handle = crate::Handle::new(b"job-17".to_vec()).ok();
    let created = Created { handle, observation: Some(running(1)), ..Created::default() };
    harness.finish(CallOutcome::Created(Ok(created)));
    assert_eq!(harness.writing(), Some(Write::Status));
    let basis = harness.machine.status_basis();
    assert!(basis.start_time.is_some());
    assert!(basis.annotations.contains_key(crate::record::HANDLE_ANNOTATION));
    harness.wrote(Phase::Running);
    assert_eq!((harness.writing(), harness.machine.wake_at(harness.now)), (None, None), "it is told once");
}

#[test]
fn a_create_that_never_replies_does_not_hold_up_what_is_observed() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(()))).event(Event::Observed(running(1))).wake();
    assert_eq!((harness.under_way(), harness.writing()), (Some(Call::Create), Some(Write::Status)));
}

/// In a burst of pods, each waits for its turn: that is no slow start.
#[test]
fn a_pod_that_waits_long_for_its_create_is_written_once_too() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent().pass(Duration::from_secs(20));
    harness.finish(CallOutcome::Prepared(Ok(()))).finish(CallOutcome::Created(Ok(Created::default())));
    assert_eq!(harness.writing(), None);
    harness.event(Event::Observed(running(1))).wrote(Phase::Running);
    assert_eq!(harness.writing(), None);
}

/// The agent before this one may have created it in its last moment.
#[test]
fn absence_proves_nothing_before_the_back_end_has_settled_after_a_restart() {
    let restarted = start_of_time().mono;
    let policy = BackendPolicy { settle: Duration::from_secs(60), taken_over: restarted, ..REMEMBERS };
    let mut harness = Harness::with(facts(), policy);
    harness.listed_absent();
    assert_eq!(harness.under_way(), None);
    harness.wake();
    assert_eq!(harness.now.mono, restarted + Duration::from_secs(60));
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None })));
    assert_eq!(harness.under_way(), Some(Call::Adopt), "it runs, and is not started a second time");

    let ran = PodFacts { started: true, phase: Phase::Running, ..facts() };
    let mut harness = Harness::with(ran, policy);
    harness.listed_absent().event(Event::BackendRecovered).absent();
    assert_eq!((harness.under_way(), harness.end()), (None, None), "it is not lost either");
    harness.wake().absent();
    assert!(matches!(harness.end(), Some(EndCause::Lost { .. })));
}

/// Where intent is recorded before a create, a pod without it was never created.
#[test]
fn a_pod_without_recorded_intent_need_not_settle_after_a_restart() {
    let settle = Duration::from_secs(60);
    let policy = BackendPolicy { settle, forgets: true, taken_over: start_of_time().mono, ..REMEMBERS };
    let mut harness = Harness::with(facts(), policy);
    assert_eq!(harness.listed_absent().under_way(), Some(Call::Prepare));
    let begun = PodFacts { start_time: Some(start_of_time().wall), ..facts() };
    let mut harness = Harness::with(begun, policy);
    assert_eq!(harness.listed_absent().under_way(), None);
}

#[test]
fn a_pod_that_comes_after_the_agent_has_settled_does_not_wait() {
    let taken_over = start_of_time().mono - Duration::from_secs(60);
    let policy = BackendPolicy { settle: Duration::from_secs(60), taken_over, ..REMEMBERS };
    let mut harness = Harness::with(facts(), policy);
    assert_eq!(harness.listed_absent().under_way(), Some(Call::Prepare));
}

#[test]
fn a_rejection_is_told_even_if_it_was_a_reason_to_wait_before() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    let rejected = Error::rejected("OutOfcpu", "no room");
    harness.finish(CallOutcome::Prepared(Err(rejected.clone().retry_after(Duration::from_secs(1)))));
    harness.wrote(Phase::Pending).wake();
    harness.finish(CallOutcome::Prepared(Err(rejected)));
    assert_eq!(harness.writing(), Some(Write::Status));
}

#[test]
fn a_create_that_is_wanted_is_not_cancelled() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.event(Event::Tick);
    assert!(!harness.effects.iter().any(|effect| matches!(effect, Effect::Cancel { .. })));
}

#[test]
fn a_list_during_the_create_does_not_unsay_an_observation() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.event(Event::Observed(running(1))).listed_absent();
    assert!(matches!(harness.machine.backend(), BackendView::Present(_)));
}

#[test]
fn a_call_that_nobody_cancelled_backs_off_when_it_says_so() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Err(Error::cancelled())));
    assert_eq!(harness.under_way(), None);
    harness.wake();
    assert_eq!(harness.under_way(), Some(Call::Prepare));
}

/// The pod was created with the Secrets, ConfigMaps and tokens of its first attempt, hours later: the token had expired,
/// and what people had mended was never seen.
#[test]
fn a_create_that_keeps_failing_is_prepared_anew() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent().finish(CallOutcome::Prepared(Ok(())));
    let mut prepared = harness.now.mono;
    for _ in 0..50 {
        match harness.under_way() {
            Some(Call::Prepare) => {
                prepared = harness.now.mono;
                harness.finish(CallOutcome::Prepared(Ok(())));
            }
            Some(Call::Create) => {
                assert!(harness.now.mono - prepared < Duration::from_secs(60), "it is given old content");
                let quota = ErrorKind::Exhausted { resource: "cpu".into(), scope: crate::ExhaustionScope::Pod };
                harness.finish(CallOutcome::Created(Err(Error::new(quota, "quota used up"))));
            }
            other => {
                assert_eq!(other, None);
                harness.wake();
            }
        }
        if harness.writing().is_some() {
            harness.wrote(Phase::Pending);
        }
    }
    assert!(harness.now.mono - start_of_time().mono > Duration::from_secs(600));
}

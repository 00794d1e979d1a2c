//! Another incarnation of the back end takes over while a pod is created.

use super::*;

fn engine(number: u8) -> Option<BackendInstance> {
    Some(BackendInstance::from(format!("engine-{number}")))
}

impl Harness {
    fn listed_absent_by(&mut self, number: u8) -> &mut Self {
        let asked_at = self.now.mono;
        self.event(Event::Listed { found: None, instance: engine(number), asked_at })
    }

    fn looked_up_by(&mut self, number: u8, found: Option<PodObservation>) -> &mut Self {
        assert_eq!(self.under_way(), Some(Call::Lookup));
        self.finish(CallOutcome::LookedUp(Ok(LookedUp { found, instance: engine(number) })))
    }

    /// The first incarnation was asked to create the pod, and nothing was heard of it.
    fn create_without_answer(facts: PodFacts, policy: BackendPolicy) -> Self {
        let mut harness = Self::with(facts, policy);
        harness.listed_absent_by(1).finish(CallOutcome::Prepared(Ok(())));
        assert_eq!((harness.under_way(), harness.machine.offered_to()), (Some(Call::Create), engine(1).as_ref()));
        harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("time-out")))).wake();
        harness
    }

    /// Lookups are answered by the second incarnation for as long as the machine asks; how long that was.
    fn asks_the_second_in_vain(&mut self) -> Duration {
        let since = self.now.mono;
        while self.end().is_none() {
            match (self.writing(), self.under_way()) {
                (Some(_), _) => self.wrote(Phase::Pending),
                (None, Some(_)) => self.looked_up_by(2, None),
                (None, None) => self.wake(),
            };
        }
        self.now.mono - since
    }
}

/// Found by the simulation: seed 35.
#[test]
fn what_one_incarnation_may_have_taken_is_not_created_in_another() {
    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    harness.looked_up_by(2, None);
    assert_eq!((harness.events(), harness.under_way()), (vec!["BackendInstanceChanged"], None));
    harness.wake();
    harness.looked_up_by(1, Some(running(1)));
    assert_eq!(harness.under_way(), Some(Call::Adopt));

    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    harness.looked_up_by(2, None).wake().looked_up_by(1, None);
    assert_eq!(harness.under_way(), Some(Call::Create), "that one knows that it did not take it");
}

#[test]
fn an_incarnation_that_never_comes_back_is_not_waited_for_without_end() {
    for recreates_lost in [false, true] {
        let mut harness = Harness::create_without_answer(facts(), BackendPolicy { recreates_lost, ..REMEMBERS });
        assert_eq!(harness.asks_the_second_in_vain(), Duration::from_secs(300));
        assert!(matches!(harness.end(), Some(EndCause::Lost { .. })), "{:?}", harness.end());
        harness.wrote(Phase::Failed);
        assert_eq!((harness.under_way(), harness.writing()), (None, None), "it is never started");
        harness.event(Event::Observed(running(1)));
        assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })), "should it be back, it is stopped");
    }
}

#[test]
fn it_says_why_it_waits() {
    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    harness.looked_up_by(2, None);
    let Verdict::Waiting { reason, message } = harness.verdict() else { panic!("it waits") };
    assert_eq!(reason, "CreateContainerError");
    assert!(message.contains("engine-2"), "{message}");
}

#[test]
fn a_deleted_pod_goes_when_nobody_waits_for_it_any_more() {
    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    harness.looked_up_by(2, None).deleted(30);
    assert_eq!(harness.asks_the_second_in_vain(), Duration::from_secs(300));
    assert_eq!(harness.end(), Some(EndCause::Stopped));
}

#[test]
fn a_pod_that_was_seen_waits_for_its_incarnation_however_long_that_is() {
    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    harness.looked_up_by(1, Some(running(1))).finish(CallOutcome::Adopted(Ok(()))).wrote(Phase::Running);
    harness.listed_absent_by(2);
    for _ in 0..20 {
        harness.looked_up_by(2, None).wake();
    }
    assert!(harness.now.mono - start_of_time().mono > Duration::from_secs(1000));
    assert_eq!(harness.end(), None);
}

/// The reply of the create is lost, but not what the back end pushed.
#[test]
fn what_is_observed_is_in_the_incarnation_that_was_asked() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent_by(1).finish(CallOutcome::Prepared(Ok(()))).event(Event::Observed(running(1)));
    harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("time-out"))));
    harness.listed_absent_by(2).wake().looked_up_by(2, None);
    assert_eq!((harness.events(), harness.end()), (vec!["BackendInstanceChanged"], None));
}

#[test]
fn an_incarnation_that_was_not_meant_has_not_taken_it() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent_by(1).finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Err(Error::other_instance("this is engine-2")))).wake();
    harness.looked_up_by(2, None);
    assert_eq!((harness.under_way(), harness.machine.offered_to()), (Some(Call::Create), engine(2).as_ref()));
}

#[test]
fn the_incarnation_that_may_have_the_pod_is_remembered_beyond_a_restart() {
    use crate::record::INSTANCE_ANNOTATION;
    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    assert_eq!(
        harness.machine.status_basis().annotations.get(INSTANCE_ANNOTATION).map(String::as_str),
        Some("engine-1")
    );
    harness.looked_up_by(1, None);
    assert_eq!(harness.machine.status_basis().annotations.get(INSTANCE_ANNOTATION), None);

    let mut harness = Harness::with(PodFacts { instance: engine(1), ..facts() }, REMEMBERS);
    assert_eq!(harness.listed_absent_by(1).under_way(), Some(Call::Prepare));
    let mut harness = Harness::with(PodFacts { instance: engine(1), ..facts() }, REMEMBERS);
    harness.listed_absent_by(2);
    harness.asks_the_second_in_vain();
}

#[test]
fn with_the_intent_the_incarnation_is_recorded() {
    use crate::record::INSTANCE_ANNOTATION;
    let forgets = BackendPolicy { forgets: true, ..REMEMBERS };
    let mut harness = Harness::with(facts(), forgets);
    harness.listed_absent_by(1).finish(CallOutcome::Prepared(Ok(())));
    assert_eq!((harness.under_way(), harness.writing()), (None, Some(Write::Status)));
    assert_eq!(
        harness.machine.status_basis().annotations.get(INSTANCE_ANNOTATION).map(String::as_str),
        Some("engine-1")
    );

    let intended = PodFacts { start_time: Some(start_of_time().wall), instance: engine(1), ..facts() };
    let mut harness = Harness::with(intended, forgets);
    harness.listed_absent_by(2);
    harness.asks_the_second_in_vain();
}

/// Found by the simulation: seed 1107.
#[test]
fn another_incarnation_has_nothing_to_remove_where_nothing_is_listed() {
    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    harness.machine.policy.lists_all = false;
    harness.looked_up_by(1, Some(stopped(1, 0))).wrote(Phase::Pending).wrote(Phase::Failed);
    harness.event(Event::Gone { deletion: None });
    assert_eq!(harness.under_way(), Some(Call::Remove));
    harness.finish(CallOutcome::Removed(Ok(()))).looked_up_by(2, None);
    assert!(!harness.is_forgotten());
    harness.wake().looked_up_by(1, Some(stopped(1, 0)));
    harness.finish(CallOutcome::Removed(Ok(()))).looked_up_by(1, None);
    assert!(harness.is_forgotten());
}

#[test]
fn our_incarnation_is_asked_as_soon_as_it_answers_a_list() {
    let mut harness = Harness::create_without_answer(facts(), REMEMBERS);
    harness.looked_up_by(2, None);
    assert_eq!(harness.under_way(), None);
    harness.listed_absent_by(1);
    assert_eq!(harness.under_way(), Some(Call::Lookup));
}

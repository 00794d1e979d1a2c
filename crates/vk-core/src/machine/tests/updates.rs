//! Changes of a running pod by kind, and its deadline.

use super::*;
use crate::record::AnnotationKey;

#[test]
fn a_changed_image_is_carried_over_once() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.containers[0].image = "app:2".into());
    assert_eq!(harness.under_way(), Some(Call::Update(Changes { images: true, ..Changes::default() })));
    harness.finish(CallOutcome::Updated(Ok(Updated::default())));
    assert_eq!(harness.under_way(), None);
}

/// [code] pod.go:201 of the Go project: an error of an update made a running pod Failed.
#[test]
fn vk_361_an_update_error_does_not_touch_the_pod() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.labels += 1).answer(WriteOutcome::Unchanged { phase: Phase::Running });
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
    harness
        .answer(WriteOutcome::Unchanged { phase: Phase::Running })
        .finish(CallOutcome::Updated(Ok(Updated::default())));
    harness.wake();
    assert_eq!(harness.now.wall.duration_since(started).as_secs(), 60);
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(30) }));
    harness.finish(CallOutcome::Terminated(Ok(Some(stopped(2, 143)))));
    assert_eq!(harness.verdict(), Verdict::Ended(EndCause::DeadlineExceeded));
}

#[test]
fn a_change_during_an_update_is_carried_over_too() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.labels += 1);
    assert_eq!(harness.under_way(), Some(Call::Update(Changes { metadata: true, ..Changes::default() })));
    harness.api(|facts| facts.containers[0].image = "app:2".into());
    harness.finish(CallOutcome::Updated(Ok(Updated::default())));
    assert_eq!(harness.under_way(), Some(Call::Update(Changes { images: true, ..Changes::default() })));
}

#[test]
fn an_update_that_failed_for_now_is_repeated_and_a_refused_one_is_not() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.labels += 1);
    let update = Some(Call::Update(Changes { metadata: true, ..Changes::default() }));
    harness.finish(CallOutcome::Updated(Err(Error::outcome_unknown("time-out")))).wake();
    assert_eq!(harness.under_way(), update);
    harness.finish(CallOutcome::Updated(Err(Error::unsupported("metadata", "never")))).pass(Duration::from_secs(999));
    assert_eq!(harness.under_way(), None);
}

fn update(changes: Changes) -> Option<Call> {
    Some(Call::Update(changes))
}

#[test]
fn each_kind_of_change_is_told_as_what_it_is() {
    let nothing = Changes::default();
    type Change = fn(&mut PodFacts);
    let changes: [(Change, Changes); 5] = [
        (|facts| facts.containers[0].image = "app:2".into(), Changes { images: true, ..nothing }),
        (|facts| facts.containers[0].resources = 7, Changes { resources: true, ..nothing }),
        (
            |facts| facts.containers.push(container("debugger", ContainerKind::Ephemeral)),
            Changes { ephemeral: true, ..nothing },
        ),
        (|facts| _ = facts.annotations.insert(AnnotationKey::of("a"), 1), Changes { metadata: true, ..nothing }),
        (|facts| facts.active_deadline_seconds = Some(999), Changes { deadline: true, ..nothing }),
    ];
    for (change, kind) in changes {
        let mut harness = Harness::running();
        harness.api(change);
        assert_eq!(harness.under_way(), update(kind));
        harness.finish(CallOutcome::Updated(Err(Error::unsupported("this", "never"))));
        assert_eq!(harness.verdict(), Verdict::Observed, "an update never touches the phase");
        harness.pass(Duration::from_secs(500));
        assert_eq!(harness.under_way(), None, "an answer is an answer");
    }
}

#[test]
fn a_resize_that_has_to_wait_is_told_as_one() {
    let mut harness = Harness::running();
    assert_eq!(harness.machine.status_basis().resize_deferred, None);
    harness.api(|facts| facts.containers[0].resources = 7).answer(WriteOutcome::Unchanged { phase: Phase::Running });
    harness.finish(CallOutcome::Updated(Ok(Updated { resize_deferred: true })));
    assert_eq!((harness.machine.status_basis().resize_deferred, harness.writing()), (Some(true), Some(Write::Status)));
    harness
        .wrote(Phase::Running)
        .api(|facts| facts.labels += 1)
        .answer(WriteOutcome::Unchanged { phase: Phase::Running });
    harness.finish(CallOutcome::Updated(Ok(Updated::default())));
    assert_eq!(harness.machine.status_basis().resize_deferred, Some(true), "labels do not say anything of it");
    harness.api(|facts| facts.containers[0].resources = 8).answer(WriteOutcome::Unchanged { phase: Phase::Running });
    harness.finish(CallOutcome::Updated(Err(Error::unsupported("resources", "never"))));
    assert_eq!(harness.machine.status_basis().resize_deferred, Some(false));
}

fn given_before(generation: i64, observed_generation: i64) -> Harness {
    let mut containers = facts().containers;
    containers[0].image = format!("app:{generation}");
    let known =
        PodFacts { generation, observed_generation, started: true, phase: Phase::Running, containers, ..facts() };
    let mut harness = Harness::with(known, REMEMBERS);
    harness.listed(running(1));
    assert_eq!(harness.under_way(), Some(Call::Adopt));
    harness
}

/// The agent died before the back end had answered, or was away: what it was given last nobody knows.
#[test]
fn a_change_that_nobody_saw_through_is_carried_over_after_the_adoption() {
    let mut harness = given_before(2, 1);
    assert_eq!(harness.machine.status_basis().answered_generation, Some(1), "nothing is told before it is true");
    harness.finish(CallOutcome::Adopted(Ok(())));
    assert_eq!(harness.under_way(), update(Changes { images: true, metadata: true, ..Changes::default() }));
    assert_eq!(harness.machine.status_basis().answered_generation, Some(1));
    harness.wrote(Phase::Running).finish(CallOutcome::Updated(Ok(Updated::default())));
    assert_eq!((harness.under_way(), harness.writing()), (None, Some(Write::Status)), "now it is told");
    assert_eq!(harness.machine.status_basis().answered_generation, None);
}

#[test]
fn what_a_process_before_has_carried_over_is_not_carried_over_again() {
    for (generation, observed) in [(2, 2), (1, 0)] {
        let mut harness = given_before(generation, observed);
        assert_eq!(harness.machine.status_basis().answered_generation, None);
        harness.finish(CallOutcome::Adopted(Ok(())));
        assert_eq!(harness.under_way(), None);
    }
}

/// Which of the changes was meant, nobody knows: the answer must not claim to.
#[test]
fn a_refusal_of_what_may_have_changed_says_so_and_is_not_repeated() {
    let mut harness = given_before(2, 1);
    harness.finish(CallOutcome::Adopted(Ok(()))).wrote(Phase::Running);
    harness.finish(CallOutcome::Updated(Err(Error::outcome_unknown("time-out")))).wake();
    assert!(matches!(harness.under_way(), Some(Call::Update(_))), "no answer is none");
    harness.finish(CallOutcome::Updated(Err(Error::unsupported("spec.containers[].image", "never"))));
    let told = harness.effects.iter().find_map(|effect| match effect {
        Effect::Record(event) => Some(event.message.clone()),
        _ => None,
    });
    assert!(told.is_some_and(|told| told.contains("if it was in this: never")), "{:?}", harness.effects);
    harness.wrote(Phase::Running).pass(Duration::from_secs(999));
    assert_eq!(harness.under_way(), None);
}

#[test]
fn a_generation_is_told_when_the_back_end_has_answered_for_it() {
    let mut harness = Harness::running();
    harness.api(|facts| {
        facts.generation = 2;
        facts.containers[0].image = "app:2".into();
    });
    assert_eq!(harness.machine.status_basis().answered_generation, Some(1));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
    harness.finish(CallOutcome::Updated(Err(Error::unavailable("503")))).wake();
    assert_eq!(harness.machine.status_basis().answered_generation, Some(1));
    harness.finish(CallOutcome::Updated(Ok(Updated::default())));
    assert_eq!(harness.machine.status_basis().answered_generation, None);
    assert_eq!(harness.writing(), Some(Write::Status));
}

#[test]
fn a_pod_that_is_being_stopped_is_changed_no_more() {
    let mut harness = given_before(2, 1);
    harness.finish(CallOutcome::Adopted(Ok(()))).wrote(Phase::Running).deleted(30);
    assert_eq!(harness.machine.status_basis().answered_generation, None);
}

/// The answer to the create was lost, and the pod changed meanwhile: what the back end was given is what the create gave.
#[test]
fn a_change_behind_a_create_without_answer_is_carried_over() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent().finish(CallOutcome::Prepared(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Create));
    harness.api(|facts| {
        facts.generation = 2;
        facts.containers[0].image = "app:2".into();
    });
    assert_eq!(harness.machine.status_basis().answered_generation, Some(1));
    harness.finish(CallOutcome::Created(Err(Error::outcome_unknown("time-out")))).wake();
    let found = LookedUp { found: Some(running(1)), instance: None };
    harness.finish(CallOutcome::LookedUp(Ok(found))).finish(CallOutcome::Adopted(Ok(())));
    assert_eq!(harness.under_way(), update(Changes { images: true, ..Changes::default() }));
}

#[test]
fn fields_that_only_the_control_plane_reads_are_no_change() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.generation += 1);
    assert_eq!(harness.under_way(), None);
}

/// What the back end wrote on the pod came back to it as a change.
#[test]
fn what_the_back_end_itself_wants_on_the_pod_is_no_change() {
    let mut harness = Harness::running();
    let mut annotated = running(2);
    annotated.annotations.insert("example.com/job".into(), "17".into());
    harness.event(Event::Observed(annotated)).wrote(Phase::Running);
    harness.api(|facts| _ = facts.annotations.insert(AnnotationKey::of("example.com/job"), 17));
    assert_eq!(harness.under_way(), None);
    harness.api(|facts| _ = facts.annotations.insert(AnnotationKey::of("example.com/other"), 1));
    assert_eq!(harness.under_way(), update(Changes { metadata: true, ..Changes::default() }));
}

fn begins_now(harness: &mut Harness) {
    let now = harness.now.wall;
    harness.api(|facts| facts.start_time = Some(now));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
}

fn limit(harness: &mut Harness, seconds: u64) {
    harness.api(|facts| facts.active_deadline_seconds = Some(seconds));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
    harness.finish(CallOutcome::Updated(Ok(Updated::default())));
}

#[test]
fn a_deadline_may_be_set_and_shortened_while_the_pod_runs() {
    let mut harness = Harness::running();
    begins_now(&mut harness);
    let begun = harness.now.mono;
    harness.pass(Duration::from_secs(100));
    limit(&mut harness, 3600);
    assert_eq!(harness.machine.wake_at(harness.now), Some(begun + Duration::from_secs(3600)));
    limit(&mut harness, 200);
    harness.wake();
    assert_eq!(harness.now.mono, begun + Duration::from_secs(200));
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
}

#[test]
fn a_deadline_that_is_over_when_it_is_set_stops_the_pod_at_once() {
    let mut harness = Harness::running();
    begins_now(&mut harness);
    harness.pass(Duration::from_secs(100)).api(|facts| facts.active_deadline_seconds = Some(50));
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })), "the stop comes before the update");
}

#[test]
fn a_pod_past_its_deadline_fails_only_when_it_has_stopped() {
    let mut harness = Harness::running();
    begins_now(&mut harness);
    limit(&mut harness, 60);
    harness.wake().finish(CallOutcome::Terminated(Ok(None)));
    assert_eq!(harness.verdict(), Verdict::Observed, "it still runs");
    harness.event(Event::Observed(observation(2, Stage::Stopping, ContainerState::Running { started_at: None })));
    assert_eq!(harness.end(), None);
    harness.event(Event::Observed(stopped(3, 0)));
    assert_eq!(harness.end(), Some(EndCause::DeadlineExceeded));
}

const FORGETS: BackendPolicy = BackendPolicy { forgets: true, ..REMEMBERS };

/// A kubelet counts from the pod's first status, whether anything runs or not.
#[test]
fn a_pod_that_waits_fails_at_its_deadline() {
    for policy in [REMEMBERS, FORGETS] {
        let mut harness = Harness::with(PodFacts { active_deadline_seconds: Some(60), ..facts() }, policy);
        harness.listed_absent().finish(CallOutcome::Prepared(Err(Error::unresolved("configmap \"a\"", "not there"))));
        let told = harness.machine.status_basis().start_time;
        assert_eq!(told.is_some(), !policy.forgets, "where the back end forgets, it says that the pod was handed over");
        harness.wrote(Phase::Pending);
        while harness.end().is_none() {
            assert!(harness.now.mono < start_of_time().mono + Duration::from_secs(61), "{policy:?}");
            harness.wake();
            if harness.under_way() == Some(Call::Prepare) && harness.end().is_none() {
                harness.finish(CallOutcome::Prepared(Err(Error::unresolved("configmap \"a\"", "not there"))));
            }
        }
        assert_eq!(harness.end(), Some(EndCause::DeadlineExceeded));
        assert_eq!(harness.now.mono, start_of_time().mono + Duration::from_secs(60));
    }
}

/// A refusal holds for as long as the pod stays as it is, and no longer than its deadline.
#[test]
fn a_pod_that_is_refused_fails_at_its_deadline() {
    let mut harness = Harness::with(PodFacts { active_deadline_seconds: Some(60), ..facts() }, REMEMBERS);
    harness.listed_absent().finish(CallOutcome::Prepared(Err(Error::unsupported("spec.hostUsers", "never"))));
    harness.wrote(Phase::Pending).pass(Duration::from_secs(59));
    assert_eq!(harness.end(), None);
    harness.pass(Duration::from_secs(1));
    assert_eq!(harness.end(), Some(EndCause::DeadlineExceeded));
}

//! How a pod ends: order and proofs.

use super::*;

#[test]
fn a_deleted_pod_is_stopped_told_and_then_let_go() {
    let mut harness = Harness::running();
    harness.deleted(30);
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(30) }));
    harness.finish(CallOutcome::Terminated(Ok(None))).told_of_deletion();
    assert_eq!((harness.under_way(), harness.writing()), (None, None), "the deletion itself is no end");
    harness.event(Event::Observed(stopped(2, 0)));
    assert_eq!((harness.under_way(), harness.writing()), (None, Some(Write::Status)));
    harness.wrote(Phase::Succeeded);
    assert_eq!((harness.under_way(), harness.writing()), (Some(Call::Remove), Some(Write::Delete)));
    harness.answer(WriteOutcome::Deleted);
    harness.event(Event::Gone { deletion: None });
    assert!(!harness.is_forgotten(), "the back end still holds it");
    harness.finish(CallOutcome::Removed(Ok(())));
    assert!(harness.is_forgotten());
}

/// vk#587, azure-aci#409: the API object went by a timer while the workload ran on.
#[test]
fn vk_587_no_delete_before_the_back_end_has_stopped() {
    let mut harness = Harness::running();
    harness.deleted(1);
    harness.finish(CallOutcome::Terminated(Ok(None))).told_of_deletion();
    for _ in 0..50 {
        harness.wake();
        if harness.under_way() == Some(Call::Lookup) {
            harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None })));
        }
        if let Some(Call::Terminate { .. }) = harness.under_way() {
            harness.finish(CallOutcome::Terminated(Err(Error::unavailable("503"))));
        }
        assert_ne!(harness.writing(), Some(Write::Delete));
    }
}

#[test]
fn no_delete_before_the_api_server_has_the_terminal_status() {
    let mut harness = Harness::running();
    harness.deleted(30);
    harness.finish(CallOutcome::Terminated(Ok(Some(stopped(2, 3)))));
    for _ in 0..30 {
        assert_eq!((harness.under_way(), harness.writing()), (None, Some(Write::Status)));
        harness.answer(WriteOutcome::Failed { message: "500".into(), retry_after: None });
        harness.wake();
    }
    harness.wrote(Phase::Failed);
    assert_eq!(harness.writing(), Some(Write::Delete));
}

#[test]
fn a_nearer_deadline_is_told_to_the_back_end() {
    let mut harness = Harness::running();
    harness.deleted(30);
    harness.finish(CallOutcome::Terminated(Ok(None)));
    harness.pass(Duration::from_secs(5)).deleted(2);
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(2) }));
    harness.finish(CallOutcome::Terminated(Ok(None)));
    harness.deleted(60);
    assert_eq!(harness.under_way(), None, "a deadline never moves away");
}

#[test]
fn after_a_restart_only_the_rest_of_the_grace_is_left() {
    let due = start_of_time().wall.checked_add(Duration::from_secs(12)).unwrap();
    let deleted = PodFacts {
        started: true,
        phase: Phase::Running,
        deletion: Some(Deletion { due, grace_seconds: 30 }),
        ..facts()
    };
    let mut harness = Harness::with(deleted, REMEMBERS);
    harness.listed(running(1)).finish(CallOutcome::Adopted(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(12) }));
}

/// azure-aci#409: scale-in while the back end is still provisioning left a workload that nobody owned.
#[test]
fn azure_aci_409_a_delete_cancels_the_create_and_what_came_of_it_is_undone() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    harness.finish(CallOutcome::Prepared(Ok(())));
    harness.deleted(30);
    assert!(harness.effects.iter().any(|effect| matches!(effect, Effect::Cancel { .. })));
    assert_eq!(harness.under_way(), Some(Call::Create), "its result is awaited");
    harness.finish(CallOutcome::Created(Err(Error::cancelled())));
    assert_eq!(harness.under_way(), Some(Call::Lookup), "something may have been created all the same");
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None })));
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
}

#[test]
fn a_pod_deleted_before_it_was_created_fails_and_goes() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.deleted(30).listed_absent();
    assert_eq!((harness.under_way(), harness.writing()), (None, Some(Write::Status)));
    assert_eq!(harness.verdict(), Verdict::Ended(EndCause::Stopped));
    harness.wrote(Phase::Failed);
    assert_eq!(harness.writing(), Some(Write::Delete));
    harness.answer(WriteOutcome::Deleted).event(Event::Gone { deletion: None });
    assert!(harness.is_forgotten());
}

#[test]
fn a_force_deleted_pod_is_cleaned_up() {
    let mut harness = Harness::running();
    let deletion = Deletion { due: harness.now.wall, grace_seconds: 0 };
    harness.event(Event::Gone { deletion: Some(deletion) });
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(1) }));
    harness.finish(CallOutcome::Terminated(Ok(Some(stopped(2, 137)))));
    assert_eq!((harness.under_way(), harness.writing()), (Some(Call::Remove), None));
    harness.finish(CallOutcome::Removed(Err(Error::unavailable("503"))));
    assert!(!harness.is_forgotten());
    harness.wake();
    harness.finish(CallOutcome::Removed(Ok(())));
    assert!(harness.is_forgotten());
}

#[test]
fn a_completed_pod_keeps_its_logs_until_it_is_deleted() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(stopped(2, 0))).wrote(Phase::Succeeded);
    assert_eq!((harness.under_way(), harness.writing()), (None, None));
    assert_eq!(harness.machine.wake_at(harness.now), None);
    harness.deleted(30);
    let next = (harness.under_way(), harness.writing());
    assert_eq!(next, (None, Some(Write::Status)), "the newest version is compared first");
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Succeeded });
    assert_eq!((harness.under_way(), harness.writing()), (Some(Call::Remove), Some(Write::Delete)));
}

#[test]
fn a_terminal_phase_written_by_others_is_a_stop_order() {
    let mut harness = Harness::running();
    harness.api(|facts| facts.phase = Phase::Failed);
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(30) }));
}

#[test]
fn finalizers_of_others_do_not_make_it_delete_again() {
    let mut harness = Harness::running();
    harness.deleted(30).finish(CallOutcome::Terminated(Ok(Some(stopped(2, 0))))).wrote(Phase::Succeeded);
    harness.answer(WriteOutcome::Deleted);
    harness.finish(CallOutcome::Removed(Ok(())));
    harness.deleted(0);
    if harness.writing().is_some() {
        harness.answer(WriteOutcome::Unchanged { phase: Phase::Succeeded });
    }
    assert_eq!(harness.writing(), None);
}

/// vk#783: a pod that was already terminating when the agent started was never deleted at the provider.
#[test]
fn vk_783_a_pod_that_ended_before_a_restart_is_let_go() {
    let due = start_of_time().wall;
    let deleted = PodFacts {
        started: true,
        phase: Phase::Succeeded,
        deletion: Some(Deletion { due, grace_seconds: 30 }),
        ..facts()
    };
    let mut harness = Harness::with(deleted, REMEMBERS);
    harness.listed(stopped(4, 0)).answer(WriteOutcome::Unchanged { phase: Phase::Succeeded });
    assert_eq!((harness.under_way(), harness.writing()), (Some(Call::Remove), Some(Write::Delete)));
}

#[test]
fn an_orphan_is_stopped_and_removed() {
    let now = start_of_time();
    let (machine, effects) = PodMachine::orphan(running(3), REMEMBERS, now);
    let mut harness = Harness { machine, now, effects, version: 0 };
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
    harness.finish(CallOutcome::Terminated(Ok(Some(stopped(4, 143)))));
    harness.finish(CallOutcome::Removed(Ok(())));
    assert!(harness.is_forgotten());
}

/// Nobody knows its spec, so that an end which only the containers' states tell was never seen, and it stayed for ever.
#[test]
fn an_orphan_whose_containers_have_ended_is_removed() {
    let now = start_of_time();
    let has_ended = observation(4, Stage::Active, ContainerState::Terminated(Terminated::with_exit_code(0)));
    let (machine, effects) = PodMachine::orphan(has_ended.clone(), REMEMBERS, now);
    let mut harness = Harness { machine, now, effects, version: 0 };
    // It might be about to start again.
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
    harness.finish(CallOutcome::Terminated(Ok(Some(has_ended))));
    assert_eq!(harness.under_way(), Some(Call::Remove));
}

#[test]
fn a_failed_stop_is_repeated_long_before_its_deadline() {
    let mut harness = Harness::running();
    harness.deleted(3600);
    let begun = harness.now.mono;
    for _ in 0..5 {
        assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
        harness.finish(CallOutcome::Terminated(Err(Error::unavailable("503"))));
        while harness.under_way().is_none() {
            harness.wake();
        }
    }
    assert!(harness.now.mono - begun < Duration::from_secs(60));
}

#[test]
fn a_nearer_deadline_does_not_sit_out_a_back_off() {
    let mut harness = Harness::running();
    harness.deleted(3600).finish(CallOutcome::Terminated(Err(Error::unsupported("grace", "too long"))));
    assert_eq!(harness.under_way(), None);
    harness.deleted(1);
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(1) }));
}

/// contract-sketch.md 1: where deletion is the only stop, the back end forgets the exit code at once.
#[test]
fn the_exit_code_is_told_even_if_the_back_end_forgets_it_first() {
    let mut harness = Harness::running();
    harness.deleted(30).finish(CallOutcome::Terminated(Ok(Some(stopped(2, 3)))));
    harness.answer(WriteOutcome::Failed { message: "500".into(), retry_after: None });
    harness.listed_absent().absent();
    harness.wake();
    assert_eq!(harness.writing(), Some(Write::Status));
    assert_eq!(harness.machine.status_basis().observation, Some(&stopped(2, 3)));
}

#[test]
fn what_comes_back_after_its_end_was_told_is_stopped() {
    let mut harness = Harness::running();
    harness.listed_absent().absent();
    harness.wrote(Phase::Failed);
    harness.event(Event::Observed(running(2)));
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
    assert!(matches!(harness.verdict(), Verdict::Ended(EndCause::Lost { .. })));
}

#[test]
fn an_orphan_is_stopped_by_its_handle() {
    let mut orphan = running(3);
    orphan.handle = crate::Handle::new(b"job-17".to_vec()).ok();
    let (machine, _) = PodMachine::orphan(orphan.clone(), REMEMBERS, start_of_time());
    assert_eq!(machine.handle(), orphan.handle.as_ref());
}

#[test]
fn a_stop_that_is_repeated_keeps_the_nearest_deadline() {
    let mut harness = Harness::running();
    harness.deleted(2).deleted(60);
    harness.finish(CallOutcome::Terminated(Err(Error::unavailable("503")))).wake();
    let Some(Call::Terminate { grace }) = harness.under_way() else { panic!("it is told again") };
    assert!(grace <= Duration::from_secs(2), "{grace:?}");
}

/// A back end that reports containers only: what has stopped after it was told to is not told again.
#[test]
fn an_overdue_lookup_that_finds_it_stopped_is_the_end() {
    let mut harness = Harness::running();
    harness.deleted(1).finish(CallOutcome::Terminated(Ok(None))).told_of_deletion();
    harness.wake();
    let exited = observation(2, Stage::Active, ContainerState::Terminated(Terminated::with_exit_code(0)));
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(exited), instance: None })));
    assert_eq!(harness.end(), Some(EndCause::Stopped));
}

#[test]
fn nothing_is_released_while_the_end_is_being_written() {
    let mut harness = Harness::running();
    harness.event(Event::Observed(stopped(2, 0))).wrote(Phase::Succeeded).deleted(30);
    assert_eq!(harness.writing(), Some(Write::Status));
    harness.event(Event::Tick);
    assert_eq!(harness.under_way(), None);
}

#[test]
fn no_delete_while_something_runs_that_came_back() {
    let mut harness = Harness::running();
    harness.listed_absent().absent();
    harness.wrote(Phase::Failed).event(Event::Observed(running(2)));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Failed }).deleted(30);
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Failed });
    assert_eq!(harness.writing(), None, "it runs");
    harness.finish(CallOutcome::Terminated(Ok(Some(stopped(3, 0)))));
    harness.answer(WriteOutcome::Unchanged { phase: Phase::Failed });
    assert_eq!(harness.writing(), Some(Write::Delete));
}

#[test]
fn a_stop_that_is_overdue_still_gets_a_second() {
    let mut harness = Harness::running();
    harness.deleted(1).finish(CallOutcome::Terminated(Ok(None))).told_of_deletion().wake();
    harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(1)), instance: None }))).wake();
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(1) }));
}

/// Told late, the back end gets its second; for as long as that it was told again in every instant.
#[test]
fn a_stop_that_is_told_after_its_deadline_is_not_told_again_at_once() {
    let mut harness = Harness::running();
    harness.deleted(5).finish(CallOutcome::Terminated(Err(Error::unavailable("503"))));
    harness.pass(Duration::from_secs(60));
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(1) }));
    harness.finish(CallOutcome::Terminated(Ok(None)));
    assert_eq!(harness.under_way(), None);
    harness.pass(Duration::from_millis(700)).event(Event::Tick);
    assert_eq!(harness.under_way(), None);
}

#[test]
fn a_pod_is_not_forgotten_before_its_last_call_and_write_are_over() {
    let mut preparing = Harness::with(facts(), REMEMBERS);
    preparing.listed_absent().event(Event::Gone { deletion: None });
    assert!(!preparing.is_forgotten());
    preparing.finish(CallOutcome::Prepared(Err(Error::cancelled())));
    assert!(preparing.is_forgotten());

    let mut writing = Harness::with(facts(), REMEMBERS);
    writing.deleted(30).listed_absent().event(Event::Gone { deletion: None });
    assert!(!writing.is_forgotten());
    writing.answer(WriteOutcome::IdentityLost { message: "404".into() });
    assert!(writing.is_forgotten());
}

/// A back end that restarts containers by itself did so between the order to stop and the call that told it, when the phase
/// was terminal and the pod gone.
#[test]
fn a_pod_between_two_runs_has_not_ended_before_the_back_end_has_taken_the_order_to_stop() {
    let between_runs = || observation(2, Stage::Active, ContainerState::Terminated(Terminated::with_exit_code(1)));
    let mut harness = Harness::running();
    harness.event(Event::Observed(between_runs())).wrote(Phase::Running).deleted(30);
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })));
    harness.pass(Duration::from_secs(2));
    assert_eq!(harness.end(), None, "nobody knows yet whether it was told");
    harness.wrote(Phase::Running).finish(CallOutcome::Terminated(Err(Error::unavailable("503"))));
    assert_eq!(harness.end(), None, "it was not");
    harness.wake().finish(CallOutcome::Terminated(Ok(None)));
    assert_eq!(harness.end(), Some(EndCause::Stopped));
}

/// A pod that was deleted while the agent was away, and that the back end still runs.
fn deleted_while_away(seconds_left: u64) -> Harness {
    let due = start_of_time().wall.checked_add(Duration::from_secs(seconds_left)).unwrap();
    let deletion = Some(Deletion { due, grace_seconds: 30 });
    let mut harness = Harness::with(PodFacts { started: true, phase: Phase::Running, deletion, ..facts() }, REMEMBERS);
    harness.listed(running(1));
    harness
}

/// The back end was told to stop a pod that it knew from its own list only: no `preStop` hook was run.
#[test]
fn a_pod_deleted_while_the_agent_was_away_is_handed_over_before_it_is_stopped() {
    let mut harness = deleted_while_away(20);
    assert_eq!(harness.under_way(), Some(Call::Adopt));
    harness.finish(CallOutcome::Adopted(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Terminate { grace: Duration::from_secs(20) }));
}

#[test]
fn a_stop_waits_neither_for_a_second_adoption_nor_for_one_that_hangs() {
    let mut refused = deleted_while_away(20);
    refused.finish(CallOutcome::Adopted(Err(Error::unavailable("503"))));
    assert_eq!(refused.under_way(), Some(Call::Terminate { grace: Duration::from_secs(20) }));

    let mut hanging = deleted_while_away(20);
    while hanging.effects.iter().all(|effect| !matches!(effect, Effect::Cancel { .. })) {
        if hanging.writing().is_some() {
            hanging.wrote(Phase::Running);
        }
        hanging.wake();
    }
    assert_eq!(hanging.now.mono, start_of_time().mono + Duration::from_secs(5));
    hanging.finish(CallOutcome::Adopted(Err(Error::cancelled())));
    assert_eq!(hanging.under_way(), Some(Call::Terminate { grace: Duration::from_secs(15) }));

    assert!(matches!(deleted_while_away(1).under_way(), Some(Call::Terminate { .. })), "there is no time for it");
}

//! All mutants, and what catches them.

use super::Check::{Behaviour, Breaks, Crashes, Replay, Scenario, Seeds};
use super::{Mutant, in_answers, in_calls, in_description, in_node, in_watch, in_writes};
use crate::behaviour;
use crate::simulation::Rule;

/// A behaviour, with its name.
macro_rules! behaviour {
    ($name:ident) => {
        Behaviour(stringify!($name), |world| Box::pin(behaviour::$name(world)))
    };
}

/// A mutant, named after its bug.
macro_rules! mutant {
    ($home:ident :: $name:ident breaks $breaks:expr; caught by $($check:expr),+) => {
        Mutant { name: stringify!($name), breaks: &$breaks, bug: $home::$name, caught_by: &[$($check),+] }
    };
}

/// All mutants.
pub static CATALOGUE: &[Mutant] = &[
    // Identity.
    mutant!(in_writes::deletes_by_name breaks [1]; caught by Breaks(Rule::NoOtherPodTouched, 3, 7), Scenario("replaced_while_a_delete_is_under_way")),
    mutant!(in_writes::writes_statuses_by_name breaks [1]; caught by Scenario("replaced_while_a_status_is_under_way")),
    mutant!(in_answers::takes_answers_for_any_pod breaks [1]; caught by Scenario("an_answer_is_about_another_pod")),
    mutant!(in_calls::keys_pods_by_name breaks [1]; caught by Breaks(Rule::ReleasedAfterAcknowledgement, 8, 12), Scenario("recreate_while_the_first_stops")),
    // What is unknown.
    mutant!(in_watch::takes_forbidden_for_gone breaks [2]; caught by Scenario("statuses_are_forbidden_for_a_while")),
    mutant!(in_watch::proves_absence_from_a_cache breaks [2]; caught by Scenario("statuses_are_forbidden_for_a_while")),
    mutant!(in_watch::lists_from_a_stale_cache breaks [2]; caught by Scenario("the_watch_lists_anew")),
    mutant!(in_watch::overlooks_deletions breaks [5]; caught by Breaks(Rule::DeletionEnds, 3, 7), Breaks(Rule::NothingLeftBehind, 2, 6), Scenario("force_delete_beside_a_busy_pod")),
    mutant!(in_watch::watches_on_over_a_gap breaks [5]; caught by Scenario("a_pod_goes_in_a_gap_of_the_watch")),
    mutant!(in_answers::takes_errors_for_absence breaks [2]; caught by Scenario("the_back_end_cannot_be_asked_after_a_restart")),
    mutant!(in_answers::believes_any_incarnation breaks [2, 3]; caught by Scenario("another_back_end_answers_for_a_while")),
    mutant!(in_description::believes_absence_at_once breaks [2, 3]; caught by Breaks(Rule::EndsHaveCauses, 4, 8), Scenario("a_pod_cannot_be_seen_at_first")),
    // Never twice.
    mutant!(in_description::starts_lost_pods_again breaks [3]; caught by Breaks(Rule::NoSecondRun, 3, 7), Scenario("a_service_is_lost")),
    mutant!(in_description::writes_no_intent breaks [3]; caught by Crashes("a_job_is_forgotten")),
    mutant!(in_calls::restarts_what_it_adopts breaks [3]; caught by Breaks(Rule::RightExitCodes, 4, 8), Breaks(Rule::ReleasedAfterStop, 4, 8), Breaks(Rule::TerminalAfterStop, 1, 5), Breaks(Rule::HealthyLeftAlone, 1, 5), Seeds(0, 3), behaviour!(nothing_restarts_when_the_agent_is_killed)),
    mutant!(in_calls::repeats_creates_unasked breaks [3]; caught by Breaks(Rule::LookedUpFirst, 8, 12), Scenario("a_create_without_answer")),
    // The order of the end.
    mutant!(in_watch::deletes_at_once breaks [4]; caught by Breaks(Rule::DeletedAfterStop, 10, 14), Scenario("a_slow_stop")),
    mutant!(in_watch::tells_the_end_at_once breaks [4]; caught by Scenario("a_slow_stop")),
    mutant!(in_writes::deletes_before_the_end_is_told breaks [4]; caught by Breaks(Rule::EndToldFirst, 3, 7), Scenario("the_end_cannot_be_told_for_a_while")),
    mutant!(in_calls::releases_with_the_stop breaks [4]; caught by Scenario("the_end_cannot_be_told_for_a_while")),
    mutant!(in_calls::releases_what_completes breaks [4]; caught by behaviour!(a_finished_pod_keeps_its_exit_code)),
    mutant!(in_answers::takes_one_end_for_all breaks [4]; caught by Scenario("one_of_two_containers_ends")),
    mutant!(in_answers::does_not_wait_for_sidecars breaks [4]; caught by Scenario("a_sidecar_outlives_its_job")),
    mutant!(in_answers::takes_the_stop_for_the_end breaks [4]; caught by Scenario("a_slow_stop")),
    mutant!(in_watch::overlooks_ends_by_others breaks [4]; caught by Scenario("others_write_the_end")),
    mutant!(in_calls::stops_once breaks [4]; caught by Scenario("the_deadline_comes_nearer")),
    mutant!(in_calls::puts_deadlines_off breaks [4]; caught by Scenario("the_deadline_comes_nearer")),
    mutant!(in_calls::ignores_cancellation breaks [4]; caught by Scenario("delete_while_a_create_hangs")),
    // Nothing dropped.
    mutant!(in_writes::gives_up_after_twenty_tries breaks [5]; caught by Scenario("statuses_are_refused_for_minutes")),
    mutant!(in_calls::gives_up_creating_after_twenty_tries breaks [5]; caught by Scenario("the_back_end_refuses_many_creates")),
    mutant!(in_calls::forgets_updates_that_fail breaks [5]; caught by Scenario("update_the_image")),
    mutant!(in_watch::takes_changes_for_carried_over breaks [5]; caught by Scenario("the_image_changes_while_the_agent_is_away"), Crashes("update_the_image")),
    mutant!(in_watch::overlooks_deadlines breaks [5]; caught by Scenario("a_pod_waits_beyond_its_deadline")),
    mutant!(in_answers::takes_an_error_for_the_end breaks [5]; caught by behaviour!(a_pod_that_cannot_be_created_says_why_and_runs_in_the_end)),
    mutant!(in_writes::hides_reasons breaks [5]; caught by behaviour!(a_pod_that_cannot_be_created_says_why_and_runs_in_the_end)),
    mutant!(in_writes::records_no_events breaks [5]; caught by Scenario("the_back_end_refuses_many_creates")),
    mutant!(in_calls::waits_for_the_stop_without_a_pause breaks [12]; caught by Breaks(Rule::NoBusyLoop, 10, 14)),
    mutant!(in_answers::does_not_hear_of_ends breaks [5]; caught by Seeds(0, 3), Scenario("a_job_completes")),
    // Status.
    mutant!(in_writes::writes_one_status breaks [6]; caught by Breaks(Rule::RightRestartCounts, 8, 12), Breaks(Rule::DeadlineKept, 0, 4), Breaks(Rule::NothingDropped, 0, 4), Seeds(0, 3), Scenario("a_job_completes"), behaviour!(vk_899_a_foreign_unready_is_repaired)),
    mutant!(in_writes::overwrites_newer_statuses breaks [6]; caught by Scenario("others_write_the_end_meanwhile")),
    mutant!(in_writes::repeats_old_statuses breaks [6]; caught by Breaks(Rule::NothingGoesBack, 2, 6), Scenario("a_job_completes")),
    mutant!(in_writes::replaces_all_conditions breaks [6]; caught by Breaks(Rule::OthersFieldsKept, 4, 8), Breaks(Rule::ReadinessRepaired, 6, 10), behaviour!(vk_976_what_others_write_survives)),
    mutant!(in_writes::calls_every_end_a_success breaks [6]; caught by Breaks(Rule::RightPhase, 0, 4)),
    mutant!(in_answers::forgets_exit_codes breaks [3, 6]; caught by Seeds(0, 3), behaviour!(a_finished_pod_keeps_its_exit_code)),
    // The heartbeat.
    mutant!(in_node::never_renews_the_lease breaks [7]; caught by Scenario("the_lease_is_renewed")),
    mutant!(in_node::renews_the_lease_if_the_back_end_answers breaks [7]; caught by Scenario("the_lease_is_renewed")),
    mutant!(in_node::takes_its_lease_for_renewed breaks [3, 7]; caught by Scenario("another_agent_takes_the_node")),
    mutant!(in_node::is_not_ready_without_the_back_end breaks [7]; caught by Scenario("the_lease_is_renewed")),
    // The Node.
    mutant!(in_node::replaces_all_labels breaks [8]; caught by Scenario("others_edit_the_node")),
    mutant!(in_node::ignores_that_the_node_is_deleted breaks [8]; caught by behaviour!(vk_321_a_deleted_node_comes_back)),
    mutant!(in_node::ignores_what_others_write_into_the_node breaks [8]; caught by Scenario("others_call_the_node_not_ready"), behaviour!(vk_956_a_foreign_not_ready_is_repaired)),
    // Destruction.
    mutant!(in_watch::collects_without_proof breaks [9]; caught by Scenario("the_watch_cache_is_behind_after_a_restart")),
    mutant!(in_answers::collects_orphans_in_batches breaks [9]; caught by Scenario("most_pods_lose_their_owner")),
    // Least knowledge.
    mutant!(in_watch::watches_every_pod breaks [10]; caught by Scenario("create_and_run")),
    mutant!(in_watch::reads_whole_namespaces breaks [10]; caught by Scenario("a_pod_refers_to_a_config_map")),
    // Fields.
    mutant!(in_description::ignores_what_is_not_honoured breaks [11]; caught by Scenario("an_unsupported_field")),
    // Bounds.
    mutant!(in_calls::makes_one_call_at_a_time breaks [5, 12]; caught by Scenario("one_create_hangs")),
    mutant!(in_calls::waits_for_ever breaks [12]; caught by Scenario("one_create_hangs")),
    // Time and chance.
    mutant!(in_calls::draws_from_elsewhere breaks [13]; caught by Replay(3)),
];

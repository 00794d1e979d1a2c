//! All scenarios.

use super::circumstance::{hanging_ping, losing_the_first_heartbeat, supporting_little};
use super::{Scenario, scripts};
use crate::backend::{Nature, StopStyle};
use crate::interposer::Interposition;

/// A scenario of this name and script: simple surroundings, tried with a crash at every effect.
macro_rules! scenario {
    ($name:ident) => {
        Scenario {
            name: stringify!($name),
            nature: Nature::default,
            circumstances: Interposition::none,
            script: |stage| Box::pin(scripts::$name(stage)),
            at_every_effect: true,
        }
    };
    // One that is about outages and time-outs.
    (long $name:ident) => {
        Scenario { at_every_effect: false, ..scenario!($name) }
    };
}

/// All scenarios.
pub static CATALOGUE: &[Scenario] = &[
    scenario!(create_and_run),
    scenario!(create_and_delete),
    scenario!(delete_while_creating),
    scenario!(a_job_completes),
    scenario!(a_container_fails),
    Scenario { nature: with_slow_sidecars, ..scenario!(a_sidecar_outlives_its_job) },
    scenario!(a_finished_pod_is_deleted),
    scenario!(force_delete),
    scenario!(long force_delete_beside_a_busy_pod),
    scenario!(recreate_under_the_same_name),
    Scenario {
        name: "recreate_while_the_first_stops",
        nature: slow_to_stop,
        ..scenario!(long recreate_under_the_same_name)
    },
    scenario!(a_create_without_answer),
    scenario!(an_answer_is_about_another_pod),
    scenario!(update_labels),
    scenario!(update_the_image),
    scenario!(the_image_changes_while_the_agent_is_away),
    scenario!(a_job_is_lost),
    scenario!(a_service_is_lost),
    scenario!(the_node_is_deleted),
    scenario!(a_finalizer_holds_the_pod),
    scenario!(two_pods),
    scenario!(others_write_the_end),
    Scenario { nature: slow_to_stop, ..scenario!(a_slow_stop) },
    Scenario { nature: forgetful, ..scenario!(a_job_is_forgotten) },
    Scenario { nature: found_by_handle, ..scenario!(a_pod_found_by_its_handle) },
    scenario!(long statuses_are_forbidden_for_a_while),
    scenario!(long statuses_are_refused_for_minutes),
    scenario!(long the_end_cannot_be_told_for_a_while),
    scenario!(long the_back_end_refuses_many_creates),
    scenario!(long a_pod_goes_in_a_gap_of_the_watch),
    scenario!(long the_watch_lists_anew),
    scenario!(long the_watch_cache_is_behind_after_a_restart),
    scenario!(long the_back_end_cannot_be_asked_after_a_restart),
    scenario!(long another_back_end_answers_for_a_while),
    Scenario { nature: stubborn, ..scenario!(long the_deadline_comes_nearer) },
    scenario!(long delete_while_a_create_hangs),
    scenario!(long one_of_two_containers_ends),
    scenario!(long one_create_hangs),
    scenario!(long most_pods_lose_their_owner),
    Scenario { nature: slow_to_show, ..scenario!(long a_pod_cannot_be_seen_at_first) },
    scenario!(long others_write_the_end_meanwhile),
    scenario!(long replaced_while_a_delete_is_under_way),
    scenario!(long replaced_while_a_status_is_under_way),
    scenario!(long others_edit_the_node),
    scenario!(long others_call_the_node_not_ready),
    Scenario { circumstances: hanging_ping, ..scenario!(long the_lease_is_renewed) },
    Scenario { circumstances: losing_the_first_heartbeat, ..scenario!(long another_agent_takes_the_node) },
    Scenario { circumstances: supporting_little, ..scenario!(long an_unsupported_field) },
    Scenario { nature: resolving, ..scenario!(long a_pod_refers_to_a_config_map) },
    Scenario { nature: resolving, ..scenario!(long a_pod_waits_beyond_its_deadline) },
];

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    CATALOGUE.iter().find(|scenario| scenario.name == name)
}

fn slow_to_stop() -> Nature {
    Nature { stop: StopStyle::Slow(8000), ..Nature::default() }
}

fn with_slow_sidecars() -> Nature {
    Nature { sidecars_take: 8000, ..Nature::default() }
}

fn stubborn() -> Nature {
    Nature { stop: StopStyle::Stubborn, ..Nature::default() }
}

fn forgetful() -> Nature {
    Nature { forgets_after: Some(500), ..Nature::default() }
}

fn found_by_handle() -> Nature {
    Nature { by_handle: true, ..Nature::default() }
}

fn slow_to_show() -> Nature {
    Nature { hidden_for: 4000, polled: true, ..Nature::default() }
}

fn resolving() -> Nature {
    Nature { inline: true, ..Nature::default() }
}

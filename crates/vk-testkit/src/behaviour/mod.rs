//! What every agent must do. Each function is one test; the macro names them for every ring that runs them.

mod admission;
mod defects;
mod life;
mod node;
mod restart;
mod writers;

pub use admission::*;
pub use defects::*;
pub use life::*;
pub use node::*;
pub use restart::*;
pub use writers::*;

use std::time::Duration;

/// Long enough for anything that needs no outage to end; a bound against hanging, not a claim.
const SOON: Duration = Duration::from_secs(30);

/// Makes one `#[test]` of each behaviour, run by the given function: `run(fn(World) -> Future)`.
#[macro_export]
macro_rules! behaviours {
    ($run:path) => {
        $crate::behaviours! { @each $run:
            a_pod_runs_and_its_status_is_told
            a_deleted_pod_is_stopped_and_goes
            a_force_deleted_pod_is_cleaned_up
            a_finished_pod_keeps_its_exit_code
            a_recreated_pod_is_another_pod
            a_pod_that_cannot_be_created_says_why_and_runs_in_the_end
            nothing_restarts_when_the_agent_is_killed
            vk_762_lost_status_is_not_a_second_run
            a_pod_deleted_while_the_agent_is_down_is_cleaned_up
            an_orphan_is_collected
            an_end_just_before_the_agents_own_is_told
            a_create_without_answer_is_not_repeated
            a_panic_stays_with_its_pod
            vk_976_what_others_write_survives
            vk_899_a_foreign_unready_is_repaired
            finalizers_of_others_are_respected
            a_pod_without_room_is_refused_in_the_kubelets_words
            what_has_started_is_not_refused_after_a_restart
            a_pod_that_selects_other_nodes_is_refused
            a_node_is_ready_and_complete
            capacity_follows_the_back_end
            an_outage_of_the_back_end_is_what_its_policy_says
            a_node_identity_does_not_deregister
            vk_321_a_deleted_node_comes_back
            vk_956_a_foreign_not_ready_is_repaired
            vk_587_the_end_is_seen_before_the_object_goes
            azure_aci_409_deleted_while_creating_leaves_nothing
            vk_391_deleted_right_after_its_creation
            interlink_540_a_stop_that_fails_is_repeated_until_it_succeeds
            kip_39_an_error_of_the_removal_does_not_hold_the_pod
            admiralty_16_the_end_of_a_vanished_workload_is_told
            k8s_runpod_kubelet_4_a_deleted_pod_is_not_created_again
            vk_867_the_grace_period_of_a_predecessor_ends_nobody_else
            vk_pod_go_241_exit_codes_are_told_after_a_foreign_terminal_phase
            vk_744_an_update_that_fails_takes_nothing_back
            vk_399_a_busy_back_end_does_not_fail_a_job
            interlink_427_a_create_that_times_out_is_made_in_the_end
            aws_fargate_17_an_unchanged_pod_is_never_updated
            vk_830_a_restart_writes_nothing_that_is_known
            admiralty_44_a_foreign_network_unavailable_is_repaired
            k3k_555_a_node_has_neither_phase_nor_copies_of_its_status
        }
    };
    (@each $run:path: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $run(stringify!($name), |world| Box::pin(async move { $crate::behaviour::$name(&world).await }));
            }
        )*
    };
}

//! What every agent must do. Each function is one test; the macro names them for every ring that runs them.

mod life;
mod node;
mod restart;
mod writers;

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
            a_node_is_ready_and_complete
            vk_321_a_deleted_node_comes_back
            vk_956_a_foreign_not_ready_is_repaired
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

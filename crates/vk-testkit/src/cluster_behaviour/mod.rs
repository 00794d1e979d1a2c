//! What the controllers of a cluster do that a node agent lives with. No agent takes part: tests make nodes, heartbeats and
//! pods by hand. Each function is one test; run on both rings, they compare the controllers in process with the real ones.

mod collection;
mod jobs;
mod nodes;
mod scheduling;
mod site;
mod volumes;

pub use collection::*;
pub use jobs::*;
pub use nodes::*;
pub use scheduling::*;
pub use volumes::*;

use std::time::Duration;

/// A bound against hanging, not a claim: the slowest controller looks once in 20 s, after a quarantine of 40 s.
const LATE: Duration = Duration::from_secs(240);
/// How long something that must not happen is waited for.
const A_WHILE: Duration = Duration::from_secs(5);

/// Makes one `#[test]` of each behaviour of a cluster, run by the given function: `run(name, fn(World) -> Future)`.
#[macro_export]
macro_rules! cluster_behaviours {
    ($run:path) => {
        $crate::cluster_behaviours! { @each $run:
            a_node_without_heartbeat_becomes_unknown_until_it_is_heard_of_again
            a_pod_is_evicted_when_its_toleration_ends
            pods_of_a_node_that_is_gone_fail_and_go
            a_job_is_complete_when_its_pod_has_succeeded
            a_job_fails_when_its_pods_have_failed_too_often
            a_job_replaces_a_pod_that_is_being_deleted
            a_job_waits_for_the_end_of_a_pod_if_its_policy_says_so
            a_pod_goes_where_its_selector_says
            a_pod_goes_only_where_it_tolerates_the_taints
            a_pod_that_does_not_fit_waits_for_room
            dependents_go_after_their_owner
            an_owner_deleted_in_the_foreground_waits_for_what_blocks_it
            orphaned_dependents_stay_without_an_owner
            a_dependent_of_two_stays_with_the_other_owner
            a_namespace_goes_when_it_is_empty
            a_claim_stays_as_long_as_a_pod_has_it
            a_pod_without_a_node_holds_no_claim
        }
    };
    (@each $run:path: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $run(
                    stringify!($name),
                    |world| Box::pin(async move { $crate::cluster_behaviour::$name(&world).await }),
                );
            }
        )*
    };
}

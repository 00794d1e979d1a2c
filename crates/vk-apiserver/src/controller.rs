//! What runs beside an API server in a cluster, as far as a node agent notices: each acts on the store, level-triggered
//! after every request, without requests of its own.

mod garbage_collector;
mod job;
mod namespace_defaults;
mod namespace_deletion;
mod node_lifecycle;
mod pod_garbage_collector;
mod scheduler;
mod taint_eviction;
mod volume_protection;

pub(crate) use node_lifecycle::NodeHealth;
pub(crate) use taint_eviction::BorrowedTime;

use crate::clock::Now;
use crate::kernel::{Controllers, Kernel};

/// Rounds after which controllers that still write must be working against each other.
const MAX_ROUNDS: usize = 16;

/// Lets the controllers act until none of them writes any more.
pub(crate) fn settle(kernel: &mut Kernel, now: Now) {
    for _ in 0..MAX_ROUNDS {
        let Some(since) = kernel.take_unsettled() else { return };
        let enabled = kernel.options.controllers.clone();
        if enabled.namespace_defaults {
            namespace_defaults::act(kernel, now);
        }
        if enabled.namespace_deletion {
            namespace_deletion::act(kernel, now);
        }
        if enabled.garbage_collection {
            garbage_collector::act(kernel, since, now);
        }
        if enabled.volume_protection {
            volume_protection::act(kernel, now);
        }
        act_on_deadlines(kernel, &enabled, now);
        if enabled.scheduler {
            scheduler::act(kernel, now);
        }
    }
    tracing::warn!("built-in controllers did not come to rest");
}

/// Lets the controllers act that wait for time to pass.
pub(crate) fn tick(kernel: &mut Kernel, now: Now) {
    let enabled = kernel.options.controllers.clone();
    act_on_deadlines(kernel, &enabled, now);
    if enabled.pod_garbage_collection {
        pod_garbage_collector::act(kernel, now);
    }
}

/// Controllers for which a change and the passing of time are the same.
fn act_on_deadlines(kernel: &mut Kernel, enabled: &Controllers, now: Now) {
    if enabled.node_lifecycle {
        node_lifecycle::act(kernel, now);
    }
    if enabled.taint_eviction {
        taint_eviction::act(kernel, now);
    }
    if enabled.jobs {
        job::act(kernel, now);
    }
}

//! The conditions that a virtual node has.

use std::collections::BTreeMap;

use super::agent::OutagePolicy;
use super::health::BackendHealth;
use super::shape::{NodeCondition, NodeShape};

/// Whether the back end answers: the condition that takes the place of a lost lease.
pub const BACKEND_REACHABLE: &str = "BackendReachable";

const READY: &str = "Ready";

/// The condition types that are always there.
pub(super) const CORE_TYPES: [&str; 6] =
    [READY, "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", BACKEND_REACHABLE];

/// All conditions of the Node, by type. The provider may word any of them but `Ready`.
pub(super) fn conditions(
    shape: Option<&NodeShape>,
    health: &BackendHealth,
    policy: OutagePolicy,
) -> BTreeMap<String, NodeCondition> {
    let quiet = [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "memory is managed by the back end"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "disks are managed by the back end"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "processes are managed by the back end"),
        // The route controller sets this on nodes that it has no route for, and a taint follows (admiralty#44).
        condition("NetworkUnavailable", "False", "NoRoutesNeeded", "pod networking is managed by the back end"),
        backend_reachable(health, policy),
    ];
    let provided = shape.into_iter().flat_map(|shape| &shape.conditions).filter(|given| given.kind != READY).cloned();
    quiet
        .into_iter()
        .chain(provided)
        .chain([ready(health, policy)])
        .map(|condition| (condition.kind.clone(), condition))
        .collect()
}

fn ready(health: &BackendHealth, policy: OutagePolicy) -> NodeCondition {
    match (health, policy) {
        (BackendHealth::Unreachable { message, .. }, OutagePolicy::NotReady) => {
            condition(READY, "False", "KubeletNotReady", &format!("the back end does not answer: {message}"))
        }
        _ => condition(READY, "True", "KubeletReady", "the virtual kubelet is ready"),
    }
}

fn backend_reachable(health: &BackendHealth, policy: OutagePolicy) -> NodeCondition {
    match health {
        BackendHealth::Reachable => condition(BACKEND_REACHABLE, "True", "BackendAnswers", "the back end answers"),
        BackendHealth::Unreachable { reason, message } => {
            condition(BACKEND_REACHABLE, "False", reason.as_str(), &format!("{message}; {}", consequence(policy)))
        }
    }
}

fn consequence(policy: OutagePolicy) -> &'static str {
    match policy {
        OutagePolicy::ZeroAllocatable => "allocatable pods are 0 until it answers, running pods stay",
        OutagePolicy::Ignore => "nothing else changes",
        OutagePolicy::NotReady => "the node is not ready until it answers",
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> NodeCondition {
    NodeCondition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::health::OutageReason;

    fn hung() -> BackendHealth {
        BackendHealth::Unreachable { reason: OutageReason::Hangs, message: "no answer".to_owned() }
    }

    #[test]
    fn the_core_conditions_are_always_there() {
        let all = conditions(None, &BackendHealth::Reachable, OutagePolicy::default());
        assert_eq!(all.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), CORE_TYPES.into());
        assert_eq!(all["NetworkUnavailable"].status, "False");
    }

    #[test]
    fn a_provider_may_word_any_condition_but_ready() {
        let mut shape = NodeShape::default();
        shape.conditions.push(condition("DiskPressure", "True", "Full", ""));
        shape.conditions.push(condition("GpuHealthy", "True", "Fine", ""));
        shape.conditions.push(condition(READY, "False", "Moody", ""));
        let all = conditions(Some(&shape), &BackendHealth::Reachable, OutagePolicy::default());
        assert_eq!(all["DiskPressure"].reason, "Full");
        assert_eq!(all["GpuHealthy"].status, "True");
        assert_eq!(all[READY].status, "True");
    }

    #[test]
    fn only_one_policy_gives_up_readiness() {
        for policy in [OutagePolicy::ZeroAllocatable, OutagePolicy::Ignore, OutagePolicy::NotReady] {
            let all = conditions(None, &hung(), policy);
            assert_eq!(all[BACKEND_REACHABLE].status, "False");
            assert_eq!(all[READY].status == "False", policy == OutagePolicy::NotReady);
        }
    }
}

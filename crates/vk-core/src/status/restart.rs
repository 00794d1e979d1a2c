//! Whether a container that has ended is started again.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule};
use serde::{Deserialize, Serialize};

use crate::record::RestartPolicy;

/// What one container says about its own restarts; the default says nothing, so that the pod's policy holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ContainerRestart {
    policy: Option<RestartPolicy>,
    rules: Vec<RestartRule>,
}

/// One of `restartPolicyRules` (KEP-5307): both of its actions, `Restart` and `RestartAllContainers`, start the container
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct RestartRule {
    exit_codes: BTreeSet<i32>,
    matches_listed: bool,
    restarts: bool,
}

impl ContainerRestart {
    /// What the container's spec says.
    pub fn of(container: &Container) -> Self {
        let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
        Self::new(container.restart_policy.as_deref(), rules)
    }

    /// From a container's `restartPolicy` and `restartPolicyRules`.
    pub fn new(policy: Option<&str>, rules: &[ContainerRestartRule]) -> Self {
        let rules = rules.iter().filter_map(|rule| {
            let on_codes = rule.exit_codes.as_ref()?;
            let matches_listed = match on_codes.operator.as_str() {
                "In" => true,
                "NotIn" => false,
                _ => return None,
            };
            Some(RestartRule {
                exit_codes: on_codes.values.iter().flatten().copied().collect(),
                matches_listed,
                restarts: matches!(rule.action.as_str(), "Restart" | "RestartAllContainers"),
            })
        });
        // A word that this build does not know leaves the decision to the pod's policy.
        let known = |word: &&str| matches!(*word, "Always" | "OnFailure" | "Never");
        Self { policy: policy.filter(known).map(RestartPolicy::parse), rules: rules.collect() }
    }

    /// Never restarted, whatever the pod's policy is.
    pub(crate) fn never() -> Self {
        Self { policy: Some(RestartPolicy::Never), rules: Vec::new() }
    }

    /// Whether a run of this container that ended with this code is followed by another, in a pod with this policy.
    ///
    /// The container's rules come first, then its policy, then the pod's; rules without a policy do not count.
    pub fn restarts(&self, pod_policy: RestartPolicy, exit_code: i32) -> bool {
        let Some(policy) = self.policy else { return policy_restarts(pod_policy, exit_code) };
        let rule = self.rules.iter().find(|rule| rule.exit_codes.contains(&exit_code) == rule.matches_listed);
        rule.is_some_and(|rule| rule.restarts) || policy_restarts(policy, exit_code)
    }
}

/// Whether a run that ended with this code is followed by another, where only this policy has a say.
pub(super) fn policy_restarts(policy: RestartPolicy, exit_code: i32) -> bool {
    match policy {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => exit_code != 0,
        RestartPolicy::Never => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ContainerRestartRuleOnExitCodes;

    use super::*;

    fn rule(action: &str, operator: &str, values: &[i32]) -> ContainerRestartRule {
        let on_codes = ContainerRestartRuleOnExitCodes { operator: operator.into(), values: Some(values.to_vec()) };
        ContainerRestartRule { action: action.into(), exit_codes: Some(on_codes) }
    }

    fn container(policy: Option<&str>, rules: Vec<ContainerRestartRule>) -> ContainerRestart {
        ContainerRestart::of(&Container {
            restart_policy: policy.map(str::to_owned),
            restart_policy_rules: Some(rules),
            ..Container::default()
        })
    }

    #[test]
    fn a_container_that_says_nothing_follows_its_pod() {
        let silent = container(None, vec![rule("Restart", "In", &[7])]);
        for (policy, on_success, on_failure) in [
            (RestartPolicy::Always, true, true),
            (RestartPolicy::OnFailure, false, true),
            (RestartPolicy::Never, false, false),
        ] {
            assert_eq!(silent.restarts(policy, 0), on_success, "{policy:?}");
            assert_eq!(silent.restarts(policy, 7), on_failure, "{policy:?}");
        }
    }

    #[test]
    fn a_containers_own_policy_beats_its_pods() {
        assert!(!container(Some("Never"), vec![]).restarts(RestartPolicy::Always, 1));
        assert!(container(Some("Always"), vec![]).restarts(RestartPolicy::Never, 0));
        assert!(!container(Some("OnFailure"), vec![]).restarts(RestartPolicy::Always, 0));
    }

    #[test]
    fn the_first_rule_that_matches_decides_before_the_containers_policy() {
        let listed =
            container(Some("Never"), vec![rule("Restart", "In", &[42]), rule("Restart", "NotIn", &[0, 1, 42])]);
        assert!(listed.restarts(RestartPolicy::Never, 42));
        assert!(listed.restarts(RestartPolicy::Never, 9));
        assert!(!listed.restarts(RestartPolicy::Always, 1));
        assert!(
            container(Some("Never"), vec![rule("RestartAllContainers", "In", &[3])]).restarts(RestartPolicy::Never, 3)
        );
        assert!(!container(Some("Never"), vec![rule("Restart", "Above", &[3])]).restarts(RestartPolicy::Never, 3));
    }
}

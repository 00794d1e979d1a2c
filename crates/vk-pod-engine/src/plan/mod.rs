//! [`PodPlan`]: the few fields of a pod that decide what its machine does.

mod checks;
mod evidence;

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vk_core::{ContainerKind, Error, Result};

pub use checks::{Checks, Hook, ProbeKind, ProbePlan};
pub use evidence::{Evidence, Health};

/// What the API server sets where a pod says nothing (`terminationGracePeriodSeconds`).
const DEFAULT_GRACE: i64 = 30;

/// The fields of a pod that decide what its machine does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodPlan {
    /// `spec.restartPolicy`.
    pub restart: RestartPolicy,
    /// `spec.terminationGracePeriodSeconds`, at least one second.
    pub grace: Duration,
    /// Init containers and sidecars in the order of the spec, then app containers in theirs.
    pub containers: Vec<ContainerPlan>,
}

/// The fields of a container that decide what its machine does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerPlan {
    /// `name`.
    pub name: String,
    /// The part it plays.
    pub kind: ContainerKind,
    /// `image`.
    pub image: String,
    /// `imagePullPolicy`.
    pub pull: PullPolicy,
    /// Differs when a running container has to be replaced: name and image, as for the kubelet.
    pub spec_hash: String,
    /// Names of the volumes that it mounts.
    pub volumes: BTreeSet<String>,
    /// Its probes and hooks.
    pub checks: Checks,
}

/// `spec.restartPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Whatever the exit code.
    Always,
    /// Unless the exit code is 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// `imagePullPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Ask the registry each time.
    Always,
    /// Only if the image is not there.
    IfNotPresent,
    /// Not at all.
    Never,
}

impl PodPlan {
    /// Reads the plan of a pod.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Invalid`] with the field that this build cannot read.
    pub fn of(pod: &Pod) -> Result<Self> {
        let spec = pod.spec.as_ref().ok_or_else(|| Error::invalid("spec", "the pod has no spec"))?;
        let restart = match spec.restart_policy.as_deref() {
            None | Some("Always") => RestartPolicy::Always,
            Some("OnFailure") => RestartPolicy::OnFailure,
            Some("Never") => RestartPolicy::Never,
            Some(other) => return Err(Error::invalid("spec.restartPolicy", format!("unknown value {other:?}"))),
        };
        let grace = spec.termination_grace_period_seconds.unwrap_or(DEFAULT_GRACE).max(1);
        let mut containers = Vec::new();
        for (index, container) in spec.init_containers.iter().flatten().enumerate() {
            let kind = match container.restart_policy.as_deref() {
                Some("Always") => ContainerKind::Sidecar,
                _ => ContainerKind::Init,
            };
            containers.push(ContainerPlan::of(container, kind, &format!("spec.initContainers[{index}]"))?);
        }
        for (index, container) in spec.containers.iter().enumerate() {
            containers.push(ContainerPlan::of(container, ContainerKind::App, &format!("spec.containers[{index}]"))?);
        }
        Ok(Self { restart, grace: Duration::from_secs(grace.unsigned_abs()), containers })
    }
}

impl ContainerPlan {
    fn of(container: &Container, kind: ContainerKind, path: &str) -> Result<Self> {
        let image = container.image.clone().unwrap_or_default();
        if image.is_empty() {
            return Err(Error::invalid(format!("{path}.image"), "a container needs an image"));
        }
        let pull = match container.image_pull_policy.as_deref() {
            Some("Always") => PullPolicy::Always,
            Some("IfNotPresent") => PullPolicy::IfNotPresent,
            Some("Never") => PullPolicy::Never,
            None if names_latest(&image) => PullPolicy::Always,
            None => PullPolicy::IfNotPresent,
            Some(other) => {
                return Err(Error::invalid(format!("{path}.imagePullPolicy"), format!("unknown value {other:?}")));
            }
        };
        let volumes = container.volume_mounts.iter().flatten().map(|mount| mount.name.clone()).collect();
        let spec_hash = spec_hash(&container.name, &image);
        let checks = Checks::of(container);
        Ok(Self { name: container.name.clone(), kind, image, pull, spec_hash, volumes, checks })
    }
}

/// Whether an image reference means the tag `latest`, which is pulled each time unless the pod says otherwise.
fn names_latest(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@') && last.rsplit_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn spec_hash(name: &str, image: &str) -> String {
    let digest = Sha256::new().chain_update(name).chain_update([0]).chain_update(image).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(spec: serde_json::Value) -> Result<PodPlan> {
        PodPlan::of(&serde_json::from_value(json!({ "spec": spec })).unwrap())
    }

    #[test]
    fn an_init_container_that_always_restarts_is_a_sidecar() {
        let plan = plan(json!({
            "initContainers": [{"name": "once", "image": "a:1"}, {"name": "proxy", "image": "b:1", "restartPolicy": "Always"}],
            "containers": [{"name": "web", "image": "c:1"}],
        }))
        .unwrap();
        let kinds: Vec<_> = plan.containers.iter().map(|container| container.kind).collect();
        assert_eq!(kinds, [ContainerKind::Init, ContainerKind::Sidecar, ContainerKind::App]);
        assert_eq!(plan.grace, Duration::from_secs(30));
    }

    #[test]
    fn the_pull_policy_follows_the_tag() {
        let policy =
            |image: &str| plan(json!({"containers": [{"name": "web", "image": image}]})).unwrap().containers[0].pull;
        assert_eq!(policy("busybox"), PullPolicy::Always);
        assert_eq!(policy("busybox:latest"), PullPolicy::Always);
        assert_eq!(policy("localhost:5000/busybox"), PullPolicy::Always);
        assert_eq!(policy("localhost:5000/busybox:1"), PullPolicy::IfNotPresent);
        assert_eq!(policy("busybox@sha256:00"), PullPolicy::IfNotPresent);
    }

    #[test]
    fn a_wrong_value_is_named() {
        let error = plan(json!({"restartPolicy": "Sometimes", "containers": []})).unwrap_err();
        assert!(error.to_string().contains("spec.restartPolicy"), "{error}");
        let error = plan(json!({"containers": [{"name": "web"}]})).unwrap_err();
        assert!(error.to_string().contains("spec.containers[0].image"), "{error}");
    }
}

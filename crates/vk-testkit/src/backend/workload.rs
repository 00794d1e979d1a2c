//! One pod in the back end.

use std::net::IpAddr;

use virtual_kubelet::core::resolved::ResolvedPod;
use virtual_kubelet::core::{
    ContainerKind, ContainerObservation, ContainerState, PodKey, PodObservation, PodUid, Stage, Terminated,
};

/// A pod that runs, or has run.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Its name.
    pub key: PodKey,
    /// Set once it has ended.
    pub exit_code: Option<i32>,
    containers: Vec<(String, ContainerKind, String)>,
    revision: u64,
    address: IpAddr,
}

impl Workload {
    pub(super) fn of(pod: &ResolvedPod) -> Self {
        let spec = pod.pod.spec.as_ref();
        let init = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten());
        let init = init.map(|container| {
            let sidecar = container.restart_policy.as_deref() == Some("Always");
            (container, if sidecar { ContainerKind::Sidecar } else { ContainerKind::Init })
        });
        let app = spec.into_iter().flat_map(|spec| &spec.containers).map(|container| (container, ContainerKind::App));
        let containers = init
            .chain(app)
            .map(|(container, kind)| (container.name.clone(), kind, container.image.clone().unwrap_or_default()));
        let number = pod.uid.as_str().bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        Self {
            key: pod.key.clone(),
            exit_code: None,
            containers: containers.collect(),
            revision: 1,
            address: IpAddr::from([10, 0, 0, number]),
        }
    }

    /// Whether that is news.
    pub(super) fn end(&mut self, exit_code: i32) -> bool {
        let runs = self.exit_code.is_none();
        if runs {
            self.exit_code = Some(exit_code);
            self.revision += 1;
        }
        runs
    }

    pub(super) fn observe(&self, uid: &PodUid) -> PodObservation {
        let stage = if self.exit_code.is_some() { Stage::Stopped } else { Stage::Active };
        let containers = self.containers.iter().map(|(name, kind, image)| {
            let mut container = ContainerObservation::new(name.clone(), *kind, self.state_of(*kind));
            container.image.clone_from(image);
            container.container_id = format!("simulated://{uid}/{name}");
            container
        });
        PodObservation::new(uid.clone(), self.revision, stage)
            .with_containers(containers.collect())
            .with_pod_ip(self.address)
    }

    fn state_of(&self, kind: ContainerKind) -> ContainerState {
        match (kind, self.exit_code) {
            (ContainerKind::Init, _) => ContainerState::Terminated(Terminated::with_exit_code(0)),
            (_, Some(code)) => ContainerState::Terminated(Terminated::with_exit_code(code)),
            (_, None) => ContainerState::Running { started_at: None },
        }
    }
}

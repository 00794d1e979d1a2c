//! One container in the back end.

use std::time::Duration;

use virtual_kubelet::core::{ContainerKind, ContainerObservation, ContainerState, PodUid, Terminated};

/// Images whose names begin so cannot be pulled.
pub(crate) const MISSING_IMAGE: &str = "missing";

/// How a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not run yet.
    Waiting,
    /// It runs; an init container until then.
    Runs { until: Option<Duration> },
    /// It has ended, and runs again then.
    BackOff { until: Duration },
    /// It has ended for good.
    Ended(i32),
}

#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) kind: ContainerKind,
    pub(super) image: String,
    pub(super) standing: Standing,
    /// The exit code of the run before the newest; in back-off, of the newest.
    pub(super) last: Option<i32>,
    pub(super) restarts: u32,
}

impl Container {
    pub(super) fn new(name: &str, kind: ContainerKind, image: &str) -> Self {
        let (name, image) = (name.to_owned(), image.to_owned());
        Self { name, kind, image, standing: Standing::Waiting, last: None, restarts: 0 }
    }

    pub(super) fn runs(&self) -> bool {
        matches!(self.standing, Standing::Runs { .. })
    }

    /// Whether it waits for nothing but its turn.
    pub(super) fn can_start(&self) -> bool {
        self.standing == Standing::Waiting && !self.image.starts_with(MISSING_IMAGE)
    }

    pub(super) fn observe(&self, uid: &PodUid, life: u64) -> ContainerObservation {
        let state = match self.standing {
            Standing::Waiting if self.image.starts_with(MISSING_IMAGE) => {
                ContainerState::waiting("ErrImagePull", format!("there is no image {}", self.image))
            }
            Standing::Waiting => ContainerState::waiting("ContainerCreating", ""),
            Standing::Runs { .. } => ContainerState::Running { started_at: None },
            Standing::BackOff { .. } => ContainerState::waiting("CrashLoopBackOff", "it is started again soon"),
            Standing::Ended(code) => ContainerState::Terminated(Terminated::with_exit_code(code)),
        };
        let mut observation = ContainerObservation::new(self.name.clone(), self.kind, state);
        observation.last = self.last.map(Terminated::with_exit_code);
        observation.restarts = self.restarts;
        observation.image.clone_from(&self.image);
        if self.standing != Standing::Waiting {
            observation.container_id = format!("simulated://{uid}/{life}/{}/{}", self.name, self.restarts);
        }
        observation
    }
}

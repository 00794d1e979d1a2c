//! Whether an observation alone shows that a pod has come to its end.

use super::restart::{ContainerRestart, policy_restarts};
use crate::observation::{ContainerKind, ContainerState, PodObservation, Stage, Terminated};
use crate::record::RestartPolicy;

/// A container that the pod's spec names.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedContainer<'a> {
    /// Its name.
    pub name: &'a str,
    /// The part it plays.
    pub kind: ContainerKind,
    /// What it says about its own restarts; `None` if it says nothing.
    pub restart: Option<&'a ContainerRestart>,
}

impl<'a> From<(&'a str, ContainerKind)> for ExpectedContainer<'a> {
    fn from((name, kind): (&'a str, ContainerKind)) -> Self {
        Self { name, kind, restart: None }
    }
}

impl<'a> From<(&'a str, ContainerKind, &'a ContainerRestart)> for ExpectedContainer<'a> {
    fn from((name, kind, restart): (&'a str, ContainerKind, &'a ContainerRestart)) -> Self {
        Self { name, kind, restart: Some(restart) }
    }
}

/// Whether the observation by itself is the pod's end: the back end says that it will start nothing of it again, or every
/// container that was to run has run, has stopped, sidecars included, and none is to be started again.
///
/// `expected` are the containers of the spec in its order, as `(name, kind)` or with their own restart rules. A container
/// that the observation leaves out has not been reached yet, unless a failed init container keeps it from ever being
/// reached; an init container or sidecar that is left out after the regular ones have ended is gone.
pub fn ended<'a, E>(policy: RestartPolicy, observation: &PodObservation, expected: impl IntoIterator<Item = E>) -> bool
where
    E: Into<ExpectedContainer<'a>>,
{
    match observation.stage {
        Stage::Stopped | Stage::Disrupted { .. } | Stage::CreateFailed(_) => true,
        Stage::Active => every_container_ended(policy, observation, expected.into_iter().map(Into::into)),
        Stage::Provisioning { .. } | Stage::Stopping | Stage::Unreachable { .. } => false,
    }
}

fn every_container_ended<'a>(
    policy: RestartPolicy,
    observation: &PodObservation,
    expected: impl Iterator<Item = ExpectedContainer<'a>>,
) -> bool {
    let mut initialization_failed = false;
    let mut regular_containers = 0_usize;
    for container in expected {
        let observed = observation.containers.iter().find(|observed| observed.name == container.name);
        let standing = Standing::of(observed.map(|observed| &observed.state));
        let over = match (container.kind, standing) {
            (_, Standing::MayRun) => false,
            (ContainerKind::Ephemeral, _) | (ContainerKind::Sidecar, Standing::Absent | Standing::Terminated(_)) => {
                true
            }
            (_, Standing::Absent | Standing::Waiting) if initialization_failed => true,
            (ContainerKind::Init, Standing::Terminated(run)) => {
                let failed = run.exit_code != 0;
                initialization_failed |= failed;
                !(failed && restarts(&container, policy, run))
            }
            (ContainerKind::App, Standing::Terminated(run)) => !restarts(&container, policy, run),
            // The regular containers after it tell whether it is gone or has not been reached.
            (ContainerKind::Init, Standing::Absent) => true,
            (ContainerKind::Sidecar | ContainerKind::Init | ContainerKind::App, Standing::Waiting) => false,
            (ContainerKind::App, Standing::Absent) => false,
        };
        if !over {
            return false;
        }
        regular_containers += usize::from(container.kind == ContainerKind::App);
    }
    regular_containers > 0
}

fn restarts(container: &ExpectedContainer<'_>, policy: RestartPolicy, run: &Terminated) -> bool {
    match container.restart {
        Some(restart) => restart.restarts(policy, run.exit_code),
        None => policy_restarts(policy, run.exit_code),
    }
}

enum Standing<'a> {
    Absent,
    Waiting,
    MayRun,
    Terminated(&'a Terminated),
}

impl<'a> Standing<'a> {
    fn of(state: Option<&'a ContainerState>) -> Self {
        match state {
            None => Self::Absent,
            Some(ContainerState::Waiting { .. }) => Self::Waiting,
            Some(ContainerState::Running { .. } | ContainerState::Unknown) => Self::MayRun,
            Some(ContainerState::Terminated(run)) => Self::Terminated(run),
        }
    }
}

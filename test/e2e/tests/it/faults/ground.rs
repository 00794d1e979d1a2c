//! What a scenario may break.

use test_cluster::{Component, ControlPlane, ControlPlaneOptions, DockerEngine, DockerOptions};

use crate::stage::{Environment, eventually};

/// A control plane and a Docker engine that nobody else uses. Both end with it.
pub(super) struct Ground {
    control_plane: ControlPlane,
    engine: DockerEngine,
}

impl Ground {
    pub(super) fn start() -> Self {
        let engine = DockerEngine::start(DockerOptions::default()).unwrap();
        engine.load_test_image().unwrap();
        Self { control_plane: ControlPlane::start(ControlPlaneOptions::default()).unwrap(), engine }
    }

    /// Where stages are set up.
    pub(super) fn environment(&self) -> Environment {
        Environment::of(self.control_plane.cluster().clone(), self.engine.host())
    }

    /// Lets a part of the control plane fail.
    pub(super) fn fail(&mut self, component: Component, how: Failure) {
        match how {
            Failure::Stopped => self.control_plane.stop_component(component).unwrap(),
            Failure::Killed => self.control_plane.kill_component(component).unwrap(),
            Failure::Frozen => self.control_plane.pause_component(component).unwrap(),
        }
    }

    /// Brings it back, and returns when the API server answers.
    pub(super) fn bring_back(&mut self, component: Component, how: Failure) {
        match how {
            Failure::Stopped | Failure::Killed => self.control_plane.start_component(component).unwrap(),
            Failure::Frozen => self.control_plane.resume_component(component).unwrap(),
        }
        eventually("an API server that is ready", || {
            if self.control_plane.is_ready() { Ok(()) } else { Err("not ready".to_owned()) }
        });
    }
}

/// How a part of the control plane goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// SIGTERM: connections are closed in order.
    Stopped,
    /// SIGKILL.
    Killed,
    /// SIGSTOP: connections stay open, and nothing answers.
    Frozen,
}

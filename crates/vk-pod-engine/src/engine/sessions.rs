//! Exec and attach: finds the run that is meant and hands the rest to the runtime.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use vk_core::{ContainerState, Error, Result, Target};
use vk_provider::{Attach, AttachRequest, Exec, ExecRequest, Exit, Streams};

use super::ask;
use super::command::Command;
use crate::runtime::{ContainerId, ContainerRuntime, Program};

/// The engine's interfaces for sessions.
pub(super) struct EngineSessions<R> {
    runtime: Arc<R>,
    commands: mpsc::Sender<Command>,
}

impl<R: ContainerRuntime> EngineSessions<R> {
    pub(super) fn new(runtime: Arc<R>, commands: mpsc::Sender<Command>) -> Self {
        Self { runtime, commands }
    }

    async fn begin(&self, target: Target, name: &str, program: Program, streams: Streams) -> Result<Exit> {
        let uid = target.uid;
        let observation = ask(&self.commands, |reply| Command::Recall { uid, reply }).await?;
        let containers = observation.map(|observation| observation.containers).unwrap_or_default();
        let running = |state: &ContainerState| matches!(state, ContainerState::Running { .. });
        let container = containers.iter().find(|container| container.name == name && running(&container.state));
        let container = container.ok_or_else(|| {
            let pod = &target.key.name;
            Error::unresolved(format!("container {name:?}"), format!("container {name:?} in pod {pod:?} does not run"))
        })?;
        let full_id = &container.container_id;
        let id = full_id.split_once("://").map_or(full_id.as_str(), |(_, id)| id);
        self.runtime.session(&ContainerId::new(id), program, streams).await
    }
}

impl<R: ContainerRuntime> Exec for EngineSessions<R> {
    fn exec(&self, request: ExecRequest, streams: Streams) -> BoxFuture<'_, Result<Exit>> {
        let program = Program::Command { command: request.command, tty: request.tty };
        async move { self.begin(request.target, &request.container, program, streams).await }.boxed()
    }
}

impl<R: ContainerRuntime> Attach for EngineSessions<R> {
    fn attach(&self, request: AttachRequest, streams: Streams) -> BoxFuture<'_, Result<Exit>> {
        async move { self.begin(request.target, &request.container, Program::OwnProcess, streams).await }.boxed()
    }
}

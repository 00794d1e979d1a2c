//! Container logs: finds the run that is meant and hands the rest to the runtime.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use vk_core::{Error, Result};
use vk_provider::{LogReply, LogRequest, Logs};

use super::ask;
use super::command::Command;
use crate::logs::{ContainerLogRequest, run_of_log};
use crate::runtime::{ContainerId, ContainerRuntime};

/// The engine's logs interface.
pub(super) struct EngineLogs<R> {
    runtime: Arc<R>,
    commands: mpsc::Sender<Command>,
}

impl<R: ContainerRuntime> EngineLogs<R> {
    pub(super) fn new(runtime: Arc<R>, commands: mpsc::Sender<Command>) -> Self {
        Self { runtime, commands }
    }

    async fn open_log(&self, request: LogRequest) -> Result<LogReply> {
        let name = &request.container;
        let pod_name = &request.target.key.name;
        let uid = request.target.uid.clone();
        let observation = ask(&self.commands, |reply| Command::Recall { uid, reply }).await?;
        let containers = observation.map(|observation| observation.containers).unwrap_or_default();
        let container = containers.iter().find(|container| container.name == *name).ok_or_else(|| {
            let message = format!("container {name:?} in pod {pod_name:?} is not available");
            Error::unresolved(format!("container {name:?}"), message)
        })?;
        let full_id = run_of_log(container, pod_name, request.previous)?;
        let id = full_id.split_once("://").map_or(full_id.as_str(), |(_, id)| id);
        self.runtime.logs(&ContainerId::new(id), ContainerLogRequest::from(&request)).await
    }
}

impl<R: ContainerRuntime> Logs for EngineLogs<R> {
    fn open(&self, request: LogRequest) -> BoxFuture<'_, Result<LogReply>> {
        self.open_log(request).boxed()
    }
}

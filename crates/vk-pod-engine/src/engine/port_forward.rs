//! Port-forward: finds the pod's sandbox and lets the runtime connect inside it.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use vk_core::{Error, Result};
use vk_provider::{BoxDuplex, PortForward, PortForwardRequest};

use super::ask;
use super::command::Command;
use crate::runtime::ContainerRuntime;

/// The engine's interface for connections to pods.
pub(super) struct EnginePortForward<R> {
    runtime: Arc<R>,
    commands: mpsc::Sender<Command>,
}

impl<R: ContainerRuntime> EnginePortForward<R> {
    pub(super) fn new(runtime: Arc<R>, commands: mpsc::Sender<Command>) -> Self {
        Self { runtime, commands }
    }

    async fn open(&self, request: PortForwardRequest) -> Result<BoxDuplex> {
        let PortForwardRequest { target, port, .. } = request;
        let uid = target.uid;
        let sandbox = ask(&self.commands, |reply| Command::Sandbox { uid, reply }).await?;
        let sandbox = sandbox.ok_or_else(|| {
            let pod = &target.key.name;
            Error::unresolved(format!("sandbox of pod {pod:?}"), format!("pod {pod:?} has no running sandbox"))
        })?;
        self.runtime.connect(&sandbox, port).await
    }
}

impl<R: ContainerRuntime> PortForward for EnginePortForward<R> {
    fn connect(&self, request: PortForwardRequest) -> BoxFuture<'_, Result<BoxDuplex>> {
        self.open(request).boxed()
    }
}

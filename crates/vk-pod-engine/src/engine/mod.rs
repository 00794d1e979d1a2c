//! [`PodEngine`]: the [`Provider`] around a [`ContainerRuntime`].

mod actor;
mod calls;
mod checks;
mod command;
mod create;
mod listing;
mod logs;
mod messages;
mod pod;
mod port_forward;
mod probes;
mod requests;
mod sessions;
mod stats;
mod volumes;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use vk_core::resolved::{Resolution, ResolvedPod, Target};
use vk_core::{Error, Result};
use vk_provider::{
    Accepted, Adopt, Answer, Create, Description, Interfaces, Listing, LookupReply, ObservationSink, Observe,
    PageToken, Provider, Recovery, Retention, Terminate, Terminating, Update, Updated,
};

use self::actor::Actor;
use self::command::Command;
use self::logs::EngineLogs;
use self::port_forward::EnginePortForward;
use self::probes::EngineProbes;
use self::sessions::EngineSessions;
use self::stats::EngineStats;
use crate::env::EngineEnv;
use crate::runtime::ContainerRuntime;
use crate::translate::{self, ClusterDns};

/// Commands that wait to be looked at.
const COMMANDS: usize = 1024;
/// How often everything is listed although the runtime hints at changes.
const SAFETY_NET: Duration = Duration::from_secs(60);

/// How an engine is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// `--cluster-domain`, as in `cluster.local`.
    pub cluster_domain: String,
    /// Addresses of the cluster's DNS service; may be empty.
    pub cluster_dns: Vec<String>,
    /// Cancelled when the agent ends; containers keep running.
    pub shutdown: CancellationToken,
}

impl EngineConfig {
    /// What a node's context says.
    pub fn of(node: &vk_provider::NodeContext) -> Self {
        Self {
            cluster_domain: node.cluster_domain.clone(),
            cluster_dns: node.cluster_dns.clone(),
            shutdown: node.shutdown.clone(),
        }
    }
}

/// A [`Provider`] whose pods run on a [`ContainerRuntime`].
///
/// One actor owns all pods; this is the handle to it. The actor ends with the last handle, or with
/// [`EngineConfig::shutdown`]; containers keep running, and are found again by the next engine.
pub struct PodEngine<R> {
    runtime: Arc<R>,
    commands: mpsc::Sender<Command>,
    description: Description,
}

impl<R: ContainerRuntime> PodEngine<R> {
    /// Starts an engine. It lists the runtime at once, and goes on trying while that does not answer.
    pub fn start(runtime: R, config: EngineConfig, env: EngineEnv) -> Self {
        let runtime = Arc::new(runtime);
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let dns = ClusterDns { servers: config.cluster_dns, domain: config.cluster_domain };
        let actor = Actor::new(Arc::clone(&runtime), dns, env.clone(), inbox, config.shutdown);
        env.spawn(actor.run());
        let description = describe(&runtime, &commands);
        Self { runtime, commands, description }
    }

    /// The runtime inside.
    pub fn runtime(&self) -> &Arc<R> {
        &self.runtime
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command) -> Result<T> {
        ask(&self.commands, command).await
    }
}

fn describe<R: ContainerRuntime>(runtime: &Arc<R>, commands: &mpsc::Sender<Command>) -> Description {
    let features = runtime.features();
    let mut interfaces = Interfaces::default();
    interfaces.logs = Some(Arc::new(EngineLogs::new(runtime.clone(), commands.clone())));
    interfaces.probes = Some(Arc::new(EngineProbes::new(commands.clone())));
    if features.sessions {
        let sessions = Arc::new(EngineSessions::new(runtime.clone(), commands.clone()));
        interfaces.exec = Some(sessions.clone());
        interfaces.attach = Some(sessions);
    }
    if features.stats {
        interfaces.stats = Some(Arc::new(EngineStats::new(runtime.clone(), commands.clone())));
    }
    if features.port_forward {
        interfaces.port_forward = Some(Arc::new(EnginePortForward::new(runtime.clone(), commands.clone())));
    }
    let mut description = Description::new(&features.name);
    description.support = features.support.clone();
    description.recovery = Recovery::ByUid;
    description.retention = Retention::UntilRemoved;
    description.recreates_lost = true;
    description.observe = Observe::Push { safety_net: SAFETY_NET };
    description.resolution = Resolution::AtStart;
    description.interfaces = interfaces;
    description
}

/// Sends a command to the actor and waits for its reply.
async fn ask<T>(
    commands: &mpsc::Sender<Command>,
    command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command,
) -> Result<T> {
    let ended = || Error::unavailable("the pod engine has ended");
    let (reply, answer) = oneshot::channel();
    commands.send(command(reply)).await.map_err(|_| ended())?;
    answer.await.map_err(|_| ended())?
}

impl<R: ContainerRuntime> Provider for PodEngine<R> {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        self.ask(|reply| Command::Create { request, reply }).await
    }

    async fn adopt(&self, request: Adopt) -> Result<()> {
        self.ask(|reply| Command::Adopt { request, reply }).await
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        self.ask(|reply| Command::Terminate { request, reply }).await
    }

    async fn remove(&self, target: Target) -> Result<()> {
        self.ask(|reply| Command::Remove { uid: target.uid, reply }).await
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        self.ask(|reply| Command::Lookup { uid: target.uid, reply }).await
    }

    async fn list(&self, _page: Option<PageToken>) -> Result<Listing> {
        self.ask(|reply| Command::List { reply }).await
    }

    async fn admit(&self, pod: &ResolvedPod) -> Result<()> {
        crate::plan::PodPlan::of(&pod.pod)?;
        translate::admit(&pod.pod, self.runtime.features().volumes.is_some())?;
        self.runtime.admit(&pod.pod)
    }

    async fn update(&self, request: Update) -> Result<Updated> {
        let change = request.change;
        self.ask(|reply| Command::Update { request, reply }).await?;
        let mut updated = Updated::all(&change, Answer::Applied);
        // The containers are replaced one by one.
        updated.images = change.images.then_some(Answer::Pending);
        updated.resources = change.resources.then_some(Answer::Infeasible);
        updated.ephemeral = change.ephemeral.then_some(Answer::Unsupported);
        Ok(updated)
    }

    async fn watch(&self, sink: ObservationSink) -> Result<()> {
        let (alive, ended) = oneshot::channel();
        let gone = || Error::unavailable("the pod engine has ended");
        self.commands.send(Command::Subscribe { sink, alive }).await.map_err(|_| gone())?;
        // Dropped when another subscription takes its place, or the engine ends.
        let _ = ended.await;
        Ok(())
    }
}

impl<R> Clone for PodEngine<R> {
    fn clone(&self) -> Self {
        Self {
            runtime: Arc::clone(&self.runtime),
            commands: self.commands.clone(),
            description: self.description.clone(),
        }
    }
}

impl<R: ContainerRuntime> std::fmt::Debug for PodEngine<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PodEngine").field("runtime", self.runtime.features()).finish_non_exhaustive()
    }
}

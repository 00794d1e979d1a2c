//! [`DockerRuntime`]: containers by the Docker Engine API.

mod admit;
mod container;
mod events;
mod exec;
mod exit_code;
mod hang_up;
mod image;
mod inspect;
mod list;
mod logs;
mod pod_network;
mod sandbox;
mod session;
mod stats;

use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;
use vk_core::{BackendInstance, Error, Result};
use vk_pod_engine::logs::ContainerLogRequest;
use vk_pod_engine::runtime::{
    ContainerId, ContainerSpec, ExecOutcome, HintSink, Image, Program, PullRequest, RuntimePod, RuntimePodStats,
    RuntimeSandbox, SandboxId, SandboxSpec, Scope, Signal,
};
use vk_pod_engine::{ContainerRuntime, RuntimeFeatures};
use vk_provider::{BoxDuplex, Exit, LogReply, StatsRequest, Streams};

use crate::capabilities::AllowedCapabilities;
use crate::connection::{Connection, error_of, read_error, status_of};
use crate::labels::Owner;
use crate::names::{Role, docker_name};
use crate::volumes::HostPaths;

/// What this runtime is called in container ids.
pub(crate) const SCHEME: &str = "docker";

/// A Docker engine as a runtime for pods.
pub struct DockerRuntime {
    connection: Connection,
    owner: Owner,
    features: RuntimeFeatures,
    settings: RuntimeSettings,
    /// Memory of Docker's host in bytes, asked for once.
    host_memory: OnceCell<u64>,
    /// What the agent's end waits for.
    last_tasks: TaskTracker,
}

/// What the configuration says about how pods run.
#[derive(Debug, Clone)]
pub(crate) struct RuntimeSettings {
    /// Image of the sandboxes; `None` means the one that is made on the spot.
    pub(crate) pause_image: Option<String>,
    /// Docker network of the sandboxes.
    pub(crate) network: String,
    pub(crate) allow_host_namespaces: bool,
    pub(crate) allow_privileged: bool,
    pub(crate) allowed_capabilities: AllowedCapabilities,
    pub(crate) host_paths: HostPaths,
}

impl DockerRuntime {
    pub(crate) fn new(
        connection: Connection,
        owner: Owner,
        features: RuntimeFeatures,
        settings: RuntimeSettings,
        last_tasks: TaskTracker,
    ) -> Self {
        Self { connection, owner, features, settings, host_memory: OnceCell::new(), last_tasks }
    }

    /// Removes a container by id; one that is gone already is fine.
    async fn remove(&self, id: &str) -> Result<()> {
        let docker = self.connection.docker().await?;
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match docker.remove_container(id, Some(options)).await {
            Err(error) if matches!(status_of(&error), Some(404)) => Ok(()),
            // Its removal is under way already; the engine lists again before it relies on that.
            Err(error) if status_of(&error) == Some(409) && error.to_string().contains("in progress") => Ok(()),
            result => result.map_err(error_of),
        }
    }

    /// Sends a signal; a container that does not run needs none.
    async fn kill(&self, id: &str, signal: &str) -> Result<()> {
        let docker = self.connection.docker().await?;
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        match docker.kill_container(id, Some(options)).await {
            Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(()),
            result => result.map_err(error_of),
        }
    }

    /// Refuses to start a container whose paths of the host lead elsewhere by now: Docker looks them up again when it starts.
    async fn recheck_host_paths(&self, docker: &Docker, id: &ContainerId) -> Result<()> {
        if self.settings.host_paths.is_empty() {
            return Ok(());
        }
        let found = docker.inspect_container(id.as_str(), None).await.map_err(read_error)?;
        let mounts = found.host_config.and_then(|host| host.mounts).unwrap_or_default();
        let host_paths = self.settings.host_paths.clone();
        let recheck = move || {
            let mut sources = mounts.iter().filter_map(|mount| mount.source.as_ref());
            sources.try_for_each(|source| host_paths.recheck(source.as_ref()))
        };
        let checked = tokio::task::spawn_blocking(recheck).await;
        checked.unwrap_or_else(|error| Err(Error::internal(format!("paths of the host: {error}"))))
    }

    /// Creates a container under this name, or finds the one that an earlier call has made.
    async fn create_named(&self, name: &str, body: bollard::models::ContainerCreateBody) -> Result<String> {
        let docker = self.connection.docker().await?;
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let wanted = body.labels.as_ref().and_then(|labels| self.owner.read(labels));
        match docker.create_container(Some(options), body).await {
            Ok(created) => Ok(created.id),
            Err(error) if status_of(&error) == Some(409) => {
                let found = docker.inspect_container(name, None).await.map_err(|_| error_of(error))?;
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                let is_wanted =
                    self.owner.read(&labels).zip(wanted).is_some_and(|(found, wanted)| found.is_same_run(&wanted));
                match found.id {
                    Some(id) if is_wanted => Ok(id),
                    _ => Err(Error::internal(format!(
                        "a container named {name:?} exists and is not this one; remove it"
                    ))),
                }
            }
            Err(error) => Err(error_of(error)),
        }
    }
}

impl ContainerRuntime for DockerRuntime {
    fn features(&self) -> &RuntimeFeatures {
        &self.features
    }

    fn admit(&self, pod: &Pod) -> Result<()> {
        admit::admit(pod, &self.settings)
    }

    async fn instance(&self) -> Result<BackendInstance> {
        let docker = self.connection.docker().await?;
        let info = docker.info().await.map_err(read_error)?;
        // The id of an engine outlives its data; an engine with another root has forgotten everything.
        let id = info.id.unwrap_or_default();
        let root = info.docker_root_dir.unwrap_or_default();
        Ok(BackendInstance::from(format!("{id}@{root}")))
    }

    async fn list(&self, scope: Scope) -> Result<Vec<RuntimePod>> {
        let docker = self.connection.docker().await?;
        list::list(&docker, &self.owner, &scope).await
    }

    async fn ensure_sandbox(&self, spec: SandboxSpec) -> Result<RuntimeSandbox> {
        self.make_sandbox(&spec).await
    }

    async fn stop_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.kill(id.as_str(), "SIGKILL").await
    }

    async fn remove_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.remove(id.as_str()).await
    }

    async fn find_image(&self, reference: &str) -> Result<Option<Image>> {
        let docker = self.connection.docker().await?;
        image::find(&docker, reference).await
    }

    async fn pull_image(&self, request: PullRequest) -> Result<Image> {
        let docker = self.connection.docker().await?;
        image::pull(&docker, &request).await
    }

    async fn create_container(&self, sandbox: &SandboxId, spec: ContainerSpec) -> Result<ContainerId> {
        let identity = &spec.identity;
        let name = docker_name(&self.owner, &identity.pod, Role::Container(&identity.name), identity.attempt);
        let labels = self.owner.container_labels(&spec);
        let body = container::body(sandbox, &spec, labels);
        Ok(ContainerId::new(self.create_named(&name, body).await?))
    }

    async fn start_container(&self, id: &ContainerId) -> Result<()> {
        let docker = self.connection.docker().await?;
        self.recheck_host_paths(&docker, id).await?;
        docker.start_container(id.as_str(), None).await.map_err(error_of)
    }

    async fn signal_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        match signal {
            Signal::Kill => self.kill(id.as_str(), "SIGKILL").await,
            Signal::Stop => {
                let docker = self.connection.docker().await?;
                let found = match docker.inspect_container(id.as_str(), None).await {
                    Err(error) if status_of(&error) == Some(404) => return Ok(()),
                    result => result.map_err(read_error)?,
                };
                let own = found.config.and_then(|config| config.stop_signal).filter(|signal| !signal.is_empty());
                self.kill(id.as_str(), own.as_deref().unwrap_or("SIGTERM")).await
            }
        }
    }

    async fn exec(&self, id: &ContainerId, command: Vec<String>) -> Result<ExecOutcome> {
        let docker = self.connection.docker().await?;
        exec::run(&docker, id, command).await
    }

    async fn session(&self, id: &ContainerId, program: Program, streams: Streams) -> Result<Exit> {
        session::run(&self.connection, id, program, streams, &self.last_tasks).await
    }

    async fn connect(&self, sandbox: &SandboxId, port: u16) -> Result<BoxDuplex> {
        let docker = self.connection.docker().await?;
        Ok(Box::new(pod_network::connect(&docker, sandbox, port).await?))
    }

    async fn remove_container(&self, id: &ContainerId) -> Result<()> {
        self.remove(id.as_str()).await
    }

    async fn logs(&self, id: &ContainerId, request: ContainerLogRequest) -> Result<LogReply> {
        logs::open(&self.connection, id, &request).await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Vec<RuntimePodStats>> {
        let docker = self.connection.docker().await?;
        let ask = async {
            let info = docker.info().await.map_err(read_error)?;
            Ok::<_, Error>(info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(u64::MAX))
        };
        let host_memory = *self.host_memory.get_or_try_init(|| ask).await?;
        stats::collect(&docker, &self.owner, request, host_memory).await
    }

    async fn watch(&self, hints: HintSink) -> Result<()> {
        // An outage may have been an upgrade.
        self.connection.renew();
        let docker = self.connection.docker().await?;
        events::follow(&docker, &self.owner, &hints).await
    }
}

impl std::fmt::Debug for DockerRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerRuntime").field("owner", &self.owner).finish_non_exhaustive()
    }
}

//! Creating a container: everything it refers to is resolved now, not before.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;
use vk_core::resolve::{LateFields, Reference, ReferenceData, ReferenceUser, container_env, references};
use vk_core::resolved::ResolvedContainer;
use vk_core::{BackendEvent, Error, ErrorKind, EventType, PodUid, Result};

use super::actor::Shared;
use super::calls::{gather, timed};
use super::command::Report;
use super::pod::{Given, Pod};
use crate::machine::{Call, CreateFailure};
use crate::runtime::{ContainerId, ContainerIdentity, ContainerRuntime, Mount, PodIdentity, SandboxId};
use crate::translate::{self, MountRequest, RunContext, VolumePath};
use crate::volume::{TerminationLogKey, VolumeKey};

const CREATE_TIME: Duration = Duration::from_secs(120);
/// How long a change of something missing is waited for; the machine tries again by itself after less.
const CHANGE_WAIT: Duration = Duration::from_secs(60);

/// A container to create, with what is needed of its pod.
pub(super) struct CreateRequest {
    identity: ContainerIdentity,
    sandbox: SandboxId,
    image_id: String,
    image_user: String,
    given: Arc<Given>,
    volumes: BTreeMap<String, VolumePath>,
    ips: Vec<IpAddr>,
}

impl CreateRequest {
    pub(super) fn of(pod: &Pod, call: &Call) -> Option<Self> {
        let Call::Create { container, attempt, sandbox, sandbox_attempt, spec_hash, image_id, image_user, .. } = call
        else {
            return None;
        };
        let observed = pod.machine.observe();
        let kind = observed.containers.iter().find(|known| known.name == *container)?.kind;
        Some(Self {
            identity: ContainerIdentity {
                pod: pod.machine.pod().clone(),
                name: container.clone(),
                kind,
                attempt: *attempt,
                sandbox_attempt: *sandbox_attempt,
                spec_hash: spec_hash.clone(),
            },
            sandbox: sandbox.clone(),
            image_id: image_id.clone(),
            image_user: image_user.clone(),
            given: pod.given.clone()?,
            volumes: pod.volumes.clone(),
            ips: observed.ips,
        })
    }

    fn pod(&self) -> &PodIdentity {
        &self.identity.pod
    }
}

/// Resolves and creates. Only the part before the runtime is called can be cancelled.
pub(super) async fn create<R: ContainerRuntime>(
    shared: &Shared<R>,
    request: &CreateRequest,
    cancel: &CancellationToken,
) -> Result<ContainerId, CreateFailure> {
    let prepared = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(CreateFailure::Runtime(Error::cancelled())),
        prepared = prepare(shared, request) => prepared,
    };
    let spec = prepared.map_err(|error| {
        if let ErrorKind::Unresolved { .. } = error.kind {
            await_change(shared, request);
        }
        CreateFailure::Config(error)
    })?;
    let created = shared.runtime.create_container(&request.sandbox, spec);
    timed(CREATE_TIME, created).await.map_err(CreateFailure::Runtime)
}

async fn prepare<R: ContainerRuntime>(
    shared: &Shared<R>,
    request: &CreateRequest,
) -> Result<crate::runtime::ContainerSpec> {
    let pod = request.given.raw.decode()?;
    let name = &request.identity.name;
    let (path, container) = translate::containers(&pod)
        .find(|(_, container)| container.name == *name)
        .ok_or_else(|| Error::invalid("spec.containers", format!("there is no container {name:?}")))?;
    let node = &request.given.context.node;
    let ips = if request.given.host_network { &node.host_ips } else { &request.ips };
    let late = LateFields::with_pod_ips(ips, node);
    let mut data = ReferenceData::default();
    for reference in wanted(&pod, name) {
        let answer = gather(&request.given, &reference).await?;
        data.insert(reference, answer);
    }
    let resolved = container_env(&pod, name, &data, node, &late)?;
    warn_of_skipped(request, &resolved);
    let mut mounts = Vec::new();
    for mount in translate::mount_requests(container, &path, &resolved)? {
        mounts.push(self::mount(shared, request, mount).await?);
    }
    if let Some(log) = termination_log(shared, request, container.termination_message_path.as_deref()).await? {
        mounts.push(log);
    }
    let context = RunContext {
        identity: request.identity.clone(),
        image_id: &request.image_id,
        image_user: &request.image_user,
        resolved: &resolved,
        late: &late,
        mounts,
    };
    translate::container_spec(&pod, container, &path, context)
}

/// What the container's environment refers to.
fn wanted(pod: &k8s_openapi::api::core::v1::Pod, container: &str) -> Vec<Reference> {
    let user = ReferenceUser::Container(container.to_owned());
    references(pod).of(&user).map(|used| used.reference.clone()).collect()
}

fn warn_of_skipped(request: &CreateRequest, resolved: &ResolvedContainer) {
    if resolved.skipped.is_empty() {
        return;
    }
    let keys = resolved.skipped.join(", ");
    request.given.context.events.record(BackendEvent {
        kind: EventType::Warning,
        reason: "InvalidEnvironmentVariableNames".to_owned(),
        message: format!("Keys [{keys}] were skipped since they are considered invalid environment variable names."),
        container: Some(resolved.name.clone()),
    });
}

async fn mount<R: ContainerRuntime>(shared: &Shared<R>, request: &CreateRequest, mount: MountRequest) -> Result<Mount> {
    let MountRequest { volume, sub_path, target, read_only, field } = mount;
    let not_ready = || Error::unresolved(format!("volume {volume:?}"), format!("{field}: the volume is not ready"));
    let path = request.volumes.get(&volume).ok_or_else(not_ready)?;
    let store = shared.runtime.features().volumes.as_ref();
    let (source, read_only) = match (path, store) {
        (VolumePath::Host { path, kind }, Some(store)) => {
            (store.host_path(path.clone(), kind.clone()).await?, read_only)
        }
        (VolumePath::Directory(path) | VolumePath::Host { path, .. }, _) => (path.clone(), read_only),
        // Nobody but the agent writes here, whatever the pod says.
        (VolumePath::Files(path), store) => match (sub_path, store) {
            (Some(sub_path), Some(store)) => {
                let key = VolumeKey { pod: request.pod().uid.clone(), volume: volume.clone() };
                (store.path_in_files(key, sub_path).await?, true)
            }
            _ => (path.clone(), true),
        },
    };
    Ok(Mount { source, target, read_only })
}

async fn termination_log<R: ContainerRuntime>(
    shared: &Shared<R>,
    request: &CreateRequest,
    path: Option<&str>,
) -> Result<Option<Mount>> {
    let Some(store) = &shared.runtime.features().volumes else { return Ok(None) };
    let key = TerminationLogKey {
        pod: request.pod().uid.clone(),
        container: request.identity.name.clone(),
        attempt: request.identity.attempt,
    };
    let source = store.termination_log(key).await?;
    let target = path.filter(|path| !path.is_empty()).unwrap_or("/dev/termination-log").to_owned();
    Ok(Some(Mount { source, target, read_only: false }))
}

/// Has the machine try again as soon as something that the container refers to changes.
fn await_change<R: ContainerRuntime>(shared: &Shared<R>, request: &CreateRequest) {
    let Ok(pod) = request.given.raw.decode() else { return };
    let cluster = Arc::clone(&request.given.context.cluster);
    // The first item of each is what is there already.
    let changes = wanted(&pod, &request.identity.name).into_iter().map(|reference| cluster.changes(reference).skip(1));
    let mut changes = stream::select_all(changes);
    let (uid, reports): (PodUid, _) = (request.pod().uid.clone(), shared.reports.clone());
    shared.spawn(async move {
        if let Ok(Some(_)) = tokio::time::timeout(CHANGE_WAIT, changes.next()).await {
            // The actor is gone only when the engine is.
            let _ = reports.send(Report::ReferencesChanged { uid }).await;
        }
    });
}

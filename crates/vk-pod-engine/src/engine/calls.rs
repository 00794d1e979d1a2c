//! Carries out what machines ask for, each call with a bound on its time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vk_core::resolve::{Data, Reference, ReferenceUser, SecretData, references};
use vk_core::{BackendInstance, Error, PodUid, Result};

use super::actor::Shared;
use super::checks::{self, Subject};
use super::command::Report;
use super::create::{self, CreateRequest};
use super::messages;
use super::pod::{Given, Pod};
use crate::machine::{Call, CreateFailure, EffectId, Outcome, Pulled};
use crate::runtime::{ContainerId, ContainerRuntime, PodIdentity, PullRequest, RuntimePod, RuntimeSandbox, Scope};
use crate::translate;

const LIST_TIME: Duration = Duration::from_secs(30);
const CHANGE_TIME: Duration = Duration::from_secs(120);
const PULL_TIME: Duration = Duration::from_secs(3600);

/// A call with what is needed of its pod.
pub(super) struct Request {
    identity: PodIdentity,
    call: Call,
    given: Option<Arc<Given>>,
    create: Option<CreateRequest>,
    /// The pod's address, for probes and hooks.
    ip: Option<IpAddr>,
    /// The incarnation of the runtime that holds something of the pod.
    home: Option<BackendInstance>,
    cancel: CancellationToken,
}

impl Request {
    pub(super) fn new(pod: &Pod, call: Call, cancel: CancellationToken) -> Self {
        let create = CreateRequest::of(pod, &call);
        let ip = match call {
            Call::Probe { .. } | Call::RunHook { .. } => pod.ip(),
            _ => None,
        };
        let home = pod.instance.clone().filter(|_| pod.machine.has_begun());
        Self { identity: pod.machine.pod().clone(), call, given: pod.given.clone(), create, ip, home, cancel }
    }

    fn subject<'a>(&'a self, container: &'a str, id: &'a ContainerId) -> Subject<'a> {
        Subject { given: self.given.as_deref(), container, id, ip: self.ip }
    }

    /// The report of a call that ended in this error.
    pub(super) fn failed(&self, uid: PodUid, id: EffectId) -> impl FnOnce(Error) -> Report + Send + 'static {
        let call = self.call.clone();
        move |error| Report::Done { uid, id, outcome: failure(&call, error) }
    }
}

fn failure(call: &Call, error: Error) -> Outcome {
    match call {
        Call::List { .. } => Outcome::Listed(Err(error)),
        Call::EnsureSandbox { .. } => Outcome::Sandbox(Err(error)),
        Call::FindImage { .. } => Outcome::Found(Err(error)),
        Call::PullImage { .. } => Outcome::Pulled(Err(error)),
        Call::Create { .. } => Outcome::Created(Err(CreateFailure::Runtime(error))),
        Call::Probe { .. } => Outcome::Probed(Err(error)),
        Call::StopSandbox { .. }
        | Call::RemoveSandbox { .. }
        | Call::Start { .. }
        | Call::Signal { .. }
        | Call::RemoveContainer { .. }
        | Call::RunHook { .. }
        | Call::ReleaseVolumes => Outcome::Finished(Err(error)),
    }
}

/// Makes the call. It always ends.
pub(super) async fn perform<R: ContainerRuntime>(shared: Arc<Shared<R>>, request: Request) -> Outcome {
    let runtime = &*shared.runtime;
    match &request.call {
        Call::List { .. } => Outcome::Listed(list_pod(&shared, &request).await),
        Call::EnsureSandbox { attempt } => {
            Outcome::Sandbox(limited(&shared.starts, ensure_sandbox(&shared, &request, *attempt)).await)
        }
        Call::StopSandbox { id } => Outcome::Finished(timed(CHANGE_TIME, runtime.stop_sandbox(id)).await),
        Call::RemoveSandbox { id } => Outcome::Finished(timed(CHANGE_TIME, runtime.remove_sandbox(id)).await),
        Call::FindImage { image, .. } => Outcome::Found(timed(LIST_TIME, runtime.find_image(image)).await),
        Call::PullImage { image, .. } => {
            Outcome::Pulled(cancellable(&request.cancel, pull(&shared, &request, image)).await)
        }
        Call::Create { .. } => Outcome::Created(match &request.create {
            Some(create) => limited(&shared.starts, create::create(&shared, create, &request.cancel)).await,
            None => {
                Err(CreateFailure::Config(Error::internal("a container was to be created before its pod was given")))
            }
        }),
        Call::Start { id, .. } => {
            let start = timed(CHANGE_TIME, runtime.start_container(id));
            Outcome::Finished(limited(&shared.starts, start).await)
        }
        // Stops and removals wait for nobody.
        Call::Signal { id, signal, .. } => {
            Outcome::Finished(timed(CHANGE_TIME, runtime.signal_container(id, *signal)).await)
        }
        Call::RemoveContainer { id } => Outcome::Finished(timed(CHANGE_TIME, runtime.remove_container(id)).await),
        Call::ReleaseVolumes => Outcome::Finished(match &runtime.features().volumes {
            Some(store) => timed(CHANGE_TIME, store.remove_pod(request.identity.uid.clone())).await,
            None => Ok(()),
        }),
        Call::Probe { container, id, kind } => {
            let asked = checks::probe(&shared, request.subject(container, id), *kind);
            Outcome::Probed(cancellable(&request.cancel, asked).await)
        }
        Call::RunHook { container, id, hook } => {
            let run = checks::run_hook(&shared, request.subject(container, id), *hook);
            Outcome::Finished(cancellable(&request.cancel, run).await)
        }
    }
}

/// Bounds a call. After the bound nobody knows what became of it.
pub(super) async fn timed<T>(bound: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(bound, call).await {
        Ok(result) => result,
        Err(_) => Err(Error::outcome_unknown(format!("no answer within {bound:?}"))),
    }
}

async fn limited<T>(permits: &Semaphore, call: impl Future<Output = T>) -> T {
    // The semaphore is never closed.
    let _permit = permits.acquire().await;
    call.await
}

async fn cancellable<T>(cancel: &CancellationToken, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::cancelled()),
        result = call => result,
    }
}

/// What the runtime holds, and which incarnation of it says so.
pub(super) async fn list_with_instance<R: ContainerRuntime>(
    shared: &Shared<R>,
    scope: Scope,
) -> Result<(Vec<RuntimePod>, BackendInstance)> {
    let before = instance(shared).await?;
    let pods = list(shared, scope).await?;
    if instance(shared).await? != before {
        return Err(Error::unavailable("the runtime became another one while it was listed"));
    }
    Ok((pods, before))
}

async fn instance<R: ContainerRuntime>(shared: &Shared<R>) -> Result<BackendInstance> {
    timed(LIST_TIME, shared.runtime.instance()).await
}

async fn list<R: ContainerRuntime>(shared: &Shared<R>, scope: Scope) -> Result<Vec<RuntimePod>> {
    let mut pods = limited(&shared.lists, timed(LIST_TIME, shared.runtime.list(scope))).await?;
    for pod in &mut pods {
        messages::read(&*shared.runtime, pod).await;
    }
    Ok(pods)
}

/// What the runtime holds of the pod. That it holds nothing is believed only of the incarnation that the pod runs in.
async fn list_pod<R: ContainerRuntime>(shared: &Shared<R>, request: &Request) -> Result<RuntimePod> {
    let identity = &request.identity;
    let pods = list(shared, Scope::Pod(identity.uid.clone())).await?;
    if let Some(found) = pods.into_iter().find(|pod| pod.pod.uid == identity.uid) {
        return Ok(found);
    }
    if let Some(home) = &request.home
        && instance(shared).await? != *home
    {
        return Err(Error::unavailable("another incarnation of the runtime answers, which does not know this pod"));
    }
    Ok(RuntimePod::empty(identity.clone()))
}

async fn ensure_sandbox<R: ContainerRuntime>(
    shared: &Shared<R>,
    request: &Request,
    attempt: u32,
) -> Result<RuntimeSandbox> {
    let given = request.given.as_ref().ok_or_else(|| Error::internal("a sandbox for a pod that was not given"))?;
    let pod = given.raw.decode()?;
    let spec = translate::sandbox_spec(&pod, request.identity.clone(), attempt, &shared.dns)?;
    timed(CHANGE_TIME, shared.runtime.ensure_sandbox(spec)).await
}

async fn pull<R: ContainerRuntime>(shared: &Shared<R>, request: &Request, image: &str) -> Result<Pulled> {
    let asked = Instant::now();
    let _permit = shared.pulls.acquire().await;
    let begun = Instant::now();
    let secrets = match &request.given {
        Some(given) => pull_secrets(given).await?,
        None => Vec::new(),
    };
    let credentials = translate::credentials_for(image, &secrets);
    let pull = PullRequest::anonymous(image).with_credentials(credentials);
    let image = timed(PULL_TIME, shared.runtime.pull_image(pull)).await?;
    Ok(Pulled { image, took: (begun.elapsed(), asked.elapsed()) })
}

/// The pod's image pull secrets. Those that are missing are left out: the image may not need them.
async fn pull_secrets(given: &Given) -> Result<Vec<SecretData>> {
    let pod = given.raw.decode()?;
    let mut secrets = Vec::new();
    for used in references(&pod).of(&ReferenceUser::ImagePull) {
        if let Some(Data::Secret(secret)) = gather(given, &used.reference).await? {
            secrets.push((*secret).clone());
        }
    }
    Ok(secrets)
}

/// Reads something that a pod refers to.
pub(super) async fn gather(given: &Given, reference: &Reference) -> Result<Option<Data>> {
    let answer = tokio::time::timeout(LIST_TIME, given.context.cluster.get(reference.clone())).await;
    answer.map_err(|_| Error::unresolved(reference.to_string(), format!("{reference}: no answer in time")))?
}

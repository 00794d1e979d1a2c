//! Carrying out the machine's provider calls.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use vk_core::machine::{Call, CallOutcome, Changes, Created, LookedUp, Updated};
use vk_core::record::PodSnapshot;
use vk_core::resolved::ResolvedPod;
use vk_core::{BackendInstance, Error, Handle, Result, Target};
use vk_provider::{Adopt, Answer, BoxProvider, Create, PodChange, PodContext, Provider, Terminate, Update};

use super::admission::{Admission, NodeReader};
use super::context::ContextSource;
use super::defect::panic_message;
use super::prepare::{UnsupportedFields, decode, prepare};

/// Makes calls about the pods of one node.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) provider: BoxProvider,
    pub(super) contexts: ContextSource,
    pub(super) unsupported: UnsupportedFields,
    pub(super) node: NodeReader,
}

/// Everything that one call needs.
pub(super) struct CallRequest {
    pub(super) call: Call,
    pub(super) target: Target,
    /// The pod in the API; `None` for an orphan.
    pub(super) pod: Option<PodSnapshot>,
    /// What admission says, where the call is [`Call::Prepare`].
    pub(super) admission: Admission,
    /// What the last successful [`Call::Prepare`] left.
    pub(super) prepared: Option<Arc<ResolvedPod>>,
    /// Which incarnation of the back end a create is meant for.
    pub(super) instance: Option<BackendInstance>,
    pub(super) cancel: CancellationToken,
}

/// How a call ended, and what is to be kept for the next one.
pub(super) struct CallReply {
    pub(super) outcome: CallOutcome,
    pub(super) prepared: Option<Arc<ResolvedPod>>,
}

impl CallReply {
    /// The call has not been made, because of this.
    pub(super) fn failed(request: CallRequest, error: Error) -> Self {
        Self { outcome: failure_of(request.call, error), prepared: request.prepared }
    }
}

impl Caller {
    /// Makes the call. A panic of the provider is its error, and nobody else's.
    pub(super) async fn carry_out(&self, request: CallRequest) -> CallReply {
        let (call, prepared) = (request.call, request.prepared.clone());
        match AssertUnwindSafe(self.dispatch(request)).catch_unwind().await {
            Ok(reply) => reply,
            Err(panic) => {
                let error = Error::internal(format!("the provider panicked: {}", panic_message(&*panic)));
                CallReply { outcome: failure_of(call, error), prepared }
            }
        }
    }

    async fn dispatch(&self, request: CallRequest) -> CallReply {
        let prepared = request.prepared.clone();
        let outcome = match request.call {
            Call::Prepare => return self.prepare(request).await,
            Call::Create => CallOutcome::Created(self.create(request).await),
            Call::Adopt => {
                let cancel = request.cancel.clone();
                CallOutcome::Adopted(unless_cancelled(&cancel, self.adopt(request)).await)
            }
            Call::Update(changes) => CallOutcome::Updated(self.update(request, pod_change(changes)).await),
            Call::Terminate { grace } => {
                let reply = self.provider.terminate(Terminate::new(request.target, grace)).await;
                CallOutcome::Terminated(reply.map(|reply| reply.observation))
            }
            Call::Remove => CallOutcome::Removed(self.provider.remove(request.target).await),
            Call::Lookup => {
                let reply = self.provider.lookup(request.target).await;
                CallOutcome::LookedUp(reply.map(|reply| LookedUp { found: reply.pod, instance: reply.instance }))
            }
        };
        // Resolved pods are large, and hold secrets: they are kept only as long as a create may need them.
        let is_needed = matches!(outcome, CallOutcome::Created(Err(_)) | CallOutcome::LookedUp(_));
        CallReply { outcome, prepared: prepared.filter(|_| is_needed) }
    }

    async fn prepare(&self, request: CallRequest) -> CallReply {
        let attempt = async {
            let pod = in_api(request.pod)?;
            let context = self.contexts.context(&pod);
            let decoded = decode(&pod)?;
            self.admit(request.admission, &decoded, &context).await?;
            prepare(&self.provider, self.unsupported, &pod, decoded, &context).await
        };
        match unless_cancelled(&request.cancel, attempt).await {
            Ok(prepared) => CallReply { outcome: CallOutcome::Prepared(Ok(())), prepared: Some(prepared) },
            Err(error) => CallReply { outcome: CallOutcome::Prepared(Err(error)), prepared: None },
        }
    }

    async fn admit(&self, admission: Admission, pod: &ResolvedPod, context: &PodContext) -> Result<()> {
        let Admission::Due(room) = admission else { return Ok(()) };
        room?;
        match &pod.pod.spec {
            Some(spec) => self.node.check_placement(spec, &context.node).await,
            None => Ok(()),
        }
    }

    async fn create(&self, request: CallRequest) -> Result<Created> {
        let pod = in_api(request.pod)?;
        let prepared = request.prepared.ok_or_else(|| Error::internal("create before prepare"))?;
        let create = Create::new(prepared, self.contexts.context(&pod), request.cancel).meant_for(request.instance);
        let accepted = self.provider.create(create).await?;
        Ok(Created { handle: accepted.handle, observation: accepted.observation, instance: accepted.instance })
    }

    async fn adopt(&self, request: CallRequest) -> Result<()> {
        let pod = in_api(request.pod)?;
        let resolved = Arc::new(decode(&pod)?);
        self.provider.adopt(Adopt::new(request.target, resolved, self.contexts.context(&pod))).await
    }

    async fn update(&self, request: CallRequest, change: PodChange) -> Result<Updated> {
        let pod = in_api(request.pod)?;
        let resolved = Arc::new(decode(&pod)?);
        let updated = self.provider.update(Update::new(request.target, resolved, change)).await?;
        let resize_deferred = updated.resources == Some(Answer::Deferred);
        updated.into_result(change).map(|()| Updated { resize_deferred })
    }
}

/// Drops the attempt when the core asks for that.
async fn unless_cancelled<T>(cancel: &CancellationToken, attempt: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::cancelled()),
        result = attempt => result,
    }
}

fn pod_change(changes: Changes) -> PodChange {
    let mut change = PodChange::default();
    change.images = changes.images;
    change.resources = changes.resources;
    change.ephemeral = changes.ephemeral;
    change.metadata = changes.metadata;
    change.deadline = changes.deadline;
    change
}

fn in_api(pod: Option<PodSnapshot>) -> Result<PodSnapshot> {
    pod.ok_or_else(|| Error::internal("the pod was never seen in the API"))
}

fn failure_of(call: Call, error: Error) -> CallOutcome {
    match call {
        Call::Prepare => CallOutcome::Prepared(Err(error)),
        Call::Create => CallOutcome::Created(Err(error)),
        Call::Adopt => CallOutcome::Adopted(Err(error)),
        Call::Update(_) => CallOutcome::Updated(Err(error)),
        Call::Terminate { .. } => CallOutcome::Terminated(Err(error)),
        Call::Remove => CallOutcome::Removed(Err(error)),
        Call::Lookup => CallOutcome::LookedUp(Err(error)),
    }
}

/// The target of a call about a pod.
pub(super) fn target(uid: &vk_core::PodUid, pod: Option<&PodSnapshot>, handle: Option<&Handle>) -> Target {
    let key = pod.map_or_else(|| vk_core::PodKey::new("", ""), |pod| pod.key.clone());
    Target::new(uid.clone(), key).with_handle(handle.cloned()).with_last_known(pod.map(|pod| pod.raw.clone()))
}

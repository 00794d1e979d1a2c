//! [`Provider`]: the seam for back ends that take whole pods.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vk_core::resolved::{ResolvedPod, Target};
use vk_core::{BackendInstance, Error, Handle, PodObservation, Result};

use crate::context::PodContext;
use crate::description::Description;
use crate::sink::ObservationSink;
use crate::update::{Answer, PodChange};

/// Runs pods on a back end.
///
/// `examples/hello-provider` is a complete one. Six methods are required; the others have a default that is right for a
/// back end without the feature.
///
/// # Order of a pod's life
/// `admit` → `create` → observations → `terminate` → an observation that it stopped → `remove`. After a restart of the
/// agent, pods that `list` still shows are handed over by `adopt` instead of `create`. At most one of these calls is under
/// way for a pod at a time.
pub trait Provider: Send + Sync + 'static {
    /// What this back end can do, and how it behaves. Does not change after the provider has been opened.
    fn describe(&self) -> &Description;

    /// Starts the pod, or accepts to start it.
    ///
    /// Idempotent by UID: a second call for a pod that is there already answers as the first did, with the same handle. After
    /// [`vk_core::ErrorKind::OutcomeUnknown`] the core calls `lookup` before it repeats. The back-end object must carry the
    /// UID, and the owner that was given by [`crate::NodeContext`], from its first moment.
    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send;

    /// Stops the pod, gracefully within `grace`.
    ///
    /// May come again with a nearer deadline, also while an earlier stop is under way. What is stopped or absent already is
    /// a success. Logs and exit codes stay until `remove`; where deletion is the only stop, the final observation is
    /// returned here.
    fn terminate(&self, request: Terminate) -> impl Future<Output = Result<Terminating>> + Send;

    /// Releases whatever the back end still holds of a stopped pod: containers, addresses, logs, billing.
    ///
    /// Called after the API server has acknowledged the pod's terminal status (invariant 4). What is absent already is a
    /// success.
    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send;

    /// Looks one pod up. `pod: None` claims that it is absent; an error claims nothing.
    fn lookup(&self, target: Target) -> impl Future<Output = Result<LookupReply>> + Send;

    /// Lists the pods of this node that the back end holds, finished ones too, in pages.
    fn list(&self, page: Option<PageToken>) -> impl Future<Output = Result<Listing>> + Send;

    /// Refuses a pod before it is created, with [`vk_core::Error::rejected`] or [`vk_core::Error::unsupported`].
    ///
    /// The support table of [`Description`] has been checked already; here belongs what needs the whole pod or live figures.
    fn admit(&self, _pod: &ResolvedPod) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Takes over a pod that survived a restart of the agent: its spec and its context, which died with the old process.
    ///
    /// Nothing is to be started or restarted that runs already. If the spec has changed since the back end last answered to
    /// an `update`, because the agent died before that or was away, an `update` follows. Labels and annotations may have
    /// changed as well, and nobody remembers what they were: a back end that carries them compares them here.
    fn adopt(&self, _request: Adopt) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Carries changes of a running pod over to the back end.
    ///
    /// Idempotent: what is already as the pod wants it stays untouched. A call is repeated until it is answered, also by an
    /// agent that comes later; that one does not know what has changed, so that [`Update::change`] names all that may have.
    /// `status.observedGeneration` follows the answers (KEP-5067). An error that is not [`vk_core::Retry::Never`] is no
    /// answer.
    fn update(&self, request: Update) -> impl Future<Output = Result<Updated>> + Send {
        async move { Ok(Updated::all(&request.change, Answer::Unsupported)) }
    }

    /// Reports changes as they happen, until the subscription breaks; the core then lists, and calls again.
    ///
    /// Call [`ObservationSink::live`] once subscribed: the core lists after that, which closes the gap. The default is for
    /// back ends that can only be polled.
    fn watch(&self, _sink: ObservationSink) -> impl Future<Output = Result<()>> + Send {
        std::future::pending()
    }
}

/// Request of [`Provider::create`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Create {
    /// The pod, resolved as [`Description::resolution`] asks for.
    pub pod: Arc<ResolvedPod>,
    /// The way back to the cluster, for as long as the pod lives.
    pub context: PodContext,
    /// Cancelled when the pod is deleted meanwhile: return [`vk_core::Error::cancelled`] if nothing was created yet.
    pub cancel: CancellationToken,
    /// The incarnation of the back end that this is meant for: the one that answered last. A back end that is another one by
    /// now returns [`vk_core::Error::other_instance`] and does nothing. One that cannot tell in the same step may start a
    /// pod twice, if the answer is lost in the very moment in which an incarnation takes over.
    pub instance: Option<BackendInstance>,
}

impl Create {
    /// A request; the core makes these.
    pub fn new(pod: Arc<ResolvedPod>, context: PodContext, cancel: CancellationToken) -> Self {
        Self { pod, context, cancel, instance: None }
    }

    /// The same, meant for this incarnation of the back end and no other.
    #[must_use]
    pub fn meant_for(mut self, instance: Option<BackendInstance>) -> Self {
        self.instance = instance;
        self
    }

    /// Whether it is meant for this incarnation of the back end.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::OtherInstance`], if it is meant for another one.
    pub fn check_instance(&self, ours: &BackendInstance) -> Result<()> {
        match &self.instance {
            Some(meant) if meant != ours => {
                Err(Error::other_instance(format!("meant for {meant}, and this is {ours}")))
            }
            _ => Ok(()),
        }
    }
}

/// Reply of [`Provider::create`]: the back end has taken the pod.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Accepted {
    /// What the back end wants to be given back with later calls.
    pub handle: Option<Handle>,
    /// What is known of the pod already.
    pub observation: Option<PodObservation>,
    /// Which incarnation of the back end took it.
    pub instance: Option<BackendInstance>,
}

impl Accepted {
    /// Accepted, and this is what is known of the pod already.
    pub fn observed(observation: PodObservation) -> Self {
        Self { observation: Some(observation), ..Self::default() }
    }

    /// The same, with a handle.
    #[must_use]
    pub fn with_handle(mut self, handle: Handle) -> Self {
        self.handle = Some(handle);
        self
    }

    /// The same, by this incarnation of the back end.
    #[must_use]
    pub fn with_instance(mut self, instance: BackendInstance) -> Self {
        self.instance = Some(instance);
        self
    }
}

/// Request of [`Provider::adopt`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Adopt {
    /// Which pod.
    pub target: Target,
    /// The pod as the API has it now.
    pub pod: Arc<ResolvedPod>,
    /// The way back to the cluster, for as long as the pod lives.
    pub context: PodContext,
}

impl Adopt {
    /// A request; the core makes these.
    pub fn new(target: Target, pod: Arc<ResolvedPod>, context: PodContext) -> Self {
        Self { target, pod, context }
    }
}

/// Request of [`Provider::terminate`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Terminate {
    /// Which pod.
    pub target: Target,
    /// Time from now until the stop is enforced; at least one second, as for a kubelet.
    pub grace: Duration,
}

impl Terminate {
    /// A request; the core makes these.
    pub fn new(target: Target, grace: Duration) -> Self {
        Self { target, grace }
    }
}

/// Reply of [`Provider::terminate`]: the stop is under way or done.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Terminating {
    /// What is known of the pod now; where deletion is the only stop, its last observation.
    pub observation: Option<PodObservation>,
}

impl Terminating {
    /// The stop is under way; observations will tell when it is done.
    pub fn accepted() -> Self {
        Self::default()
    }

    /// This is what is known of the pod now.
    pub fn observed(observation: PodObservation) -> Self {
        Self { observation: Some(observation) }
    }
}

/// Reply of [`Provider::lookup`].
#[derive(Debug)]
#[non_exhaustive]
pub struct LookupReply {
    /// The pod, or `None` if the back end does not hold it.
    pub pod: Option<PodObservation>,
    /// The incarnation of the back end that says so; `None` where a back end has only ever one.
    pub instance: Option<BackendInstance>,
}

impl LookupReply {
    /// The back end holds the pod.
    pub fn found(observation: PodObservation) -> Self {
        Self { pod: Some(observation), instance: None }
    }

    /// The back end does not hold the pod.
    pub fn absent() -> Self {
        Self { pod: None, instance: None }
    }

    /// The same, said by this incarnation.
    #[must_use]
    pub fn with_instance(mut self, instance: BackendInstance) -> Self {
        self.instance = Some(instance);
        self
    }
}

/// Where the next page of a [`Listing`] starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub String);

/// Reply of [`Provider::list`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// Pods of this node, by owner label; finished ones too, as long as the back end remembers them.
    pub pods: Vec<PodObservation>,
    /// Present if there is more.
    pub next: Option<PageToken>,
    /// The incarnation of the back end that says so.
    pub instance: Option<BackendInstance>,
}

impl Listing {
    /// The last or only page.
    pub fn complete(pods: Vec<PodObservation>) -> Self {
        Self { pods, next: None, instance: None }
    }

    /// The same, followed by another page.
    #[must_use]
    pub fn with_next(mut self, next: PageToken) -> Self {
        self.next = Some(next);
        self
    }

    /// The same, said by this incarnation.
    #[must_use]
    pub fn with_instance(mut self, instance: BackendInstance) -> Self {
        self.instance = Some(instance);
        self
    }
}

/// Request of [`Provider::update`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Update {
    /// Which pod.
    pub target: Target,
    /// The pod as it should be now.
    pub pod: Arc<ResolvedPod>,
    /// What differs, or may differ, from what the back end was given before; several changes may have come together.
    pub change: PodChange,
}

impl Update {
    /// A request; the core makes these.
    pub fn new(target: Target, pod: Arc<ResolvedPod>, change: PodChange) -> Self {
        Self { target, pod, change }
    }
}

/// Reply of [`Provider::update`]: one answer for each change that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// Answer to [`PodChange::images`].
    pub images: Option<Answer>,
    /// Answer to [`PodChange::resources`].
    pub resources: Option<Answer>,
    /// Answer to [`PodChange::ephemeral`].
    pub ephemeral: Option<Answer>,
    /// Answer to [`PodChange::metadata`].
    pub metadata: Option<Answer>,
    /// Answer to [`PodChange::deadline`].
    pub deadline: Option<Answer>,
}

impl Updated {
    /// The same answer to every change that was asked for.
    pub fn all(change: &PodChange, answer: Answer) -> Self {
        Self {
            images: change.images.then_some(answer),
            resources: change.resources.then_some(answer),
            ephemeral: change.ephemeral.then_some(answer),
            metadata: change.metadata.then_some(answer),
            deadline: change.deadline.then_some(answer),
        }
    }
}

impl Updated {
    /// An error that names the changes which the back end cannot make; `Ok` if it makes all of them.
    ///
    /// Labels, annotations and the deadline are the core's business too: a back end that ignores them breaks nothing.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unsupported`] with the paths of the fields.
    pub fn into_result(self, asked: PodChange) -> Result<()> {
        let answers = [
            ("spec.containers[].image", asked.images, self.images),
            ("spec.containers[].resources", asked.resources, self.resources),
            ("spec.ephemeralContainers", asked.ephemeral, self.ephemeral),
        ];
        let refused = |answer| matches!(answer, None | Some(Answer::Infeasible | Answer::Unsupported));
        let refused = answers.into_iter().filter(|(_, asked, answer)| *asked && refused(*answer));
        let fields: Vec<&str> = refused.map(|(field, ..)| field).collect();
        if fields.is_empty() {
            return Ok(());
        }
        let message = "the back end cannot change it on a pod that runs; delete the pod to have it replaced";
        Err(Error::unsupported(fields.join(", "), message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_that_was_refused_is_named() {
        let mut change = PodChange::default();
        (change.images, change.resources, change.ephemeral, change.metadata, change.deadline) =
            (true, true, true, true, true);
        let mut updated = Updated::all(&change, Answer::Unsupported);
        updated.images = Some(Answer::Pending);
        updated.resources = Some(Answer::Infeasible);
        let error = updated.into_result(change).unwrap_err();
        let fields = "spec.containers[].resources, spec.ephemeralContainers".to_owned();
        assert_eq!(error.kind, vk_core::ErrorKind::Unsupported { field: fields });
    }

    #[test]
    fn what_was_not_asked_for_is_not_refused() {
        let mut change = PodChange::default();
        (change.metadata, change.deadline) = (true, true);
        assert_eq!(Updated::all(&change, Answer::Unsupported).into_result(change), Ok(()));
        change.images = true;
        assert!(Updated::default().into_result(change).is_err(), "no answer is no yes");
    }
}

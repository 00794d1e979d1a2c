//! Bugs in what is made of a back end's answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use virtual_kubelet::core::resolved::{ResolvedPod, Target};
use virtual_kubelet::core::{
    ContainerKind, ContainerObservation, ContainerState, Error, PodObservation, PodUid, Result, Stage, Terminated,
};
use virtual_kubelet::provider::layer::{Layered, LayeredProvider};
use virtual_kubelet::provider::{
    Accepted, BoxProvider, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating,
};

use crate::interposer::{Interposition, observed};

fn seeing(change: fn(PodObservation) -> Option<PodObservation>) -> Interposition {
    Interposition::none().with_provider(move |inner| observed(inner, change))
}

fn layered<L: LayeredProvider>(make: fn(BoxProvider) -> L) -> Interposition {
    Interposition::none().with_provider(move |inner| BoxProvider::new(Layered(make(inner))))
}

/// Every exit code is told as 0.
pub(super) fn forgets_exit_codes() -> Interposition {
    seeing(|mut observation| {
        for container in &mut observation.containers {
            if let ContainerState::Terminated(terminated) = &mut container.state {
                *terminated = Terminated::with_exit_code(0);
            }
        }
        Some(observation)
    })
}

/// That a pod has ended is not heard.
pub(super) fn does_not_hear_of_ends() -> Interposition {
    Interposition::none().with_provider(|inner| {
        let last: Arc<Mutex<BTreeMap<PodUid, PodObservation>>> = Arc::default();
        observed(inner, move |observation| {
            let mut last = last.lock();
            if observation.stage == Stage::Stopped {
                return last.get(&observation.uid).cloned();
            }
            last.insert(observation.uid.clone(), observation.clone());
            Some(observation)
        })
    })
}

/// The end of one container is taken for the end of all: what runs beside it is not waited for.
pub(super) fn takes_one_end_for_all() -> Interposition {
    seeing(|mut observation| {
        let ended = |state: &ContainerState| matches!(state, ContainerState::Terminated(_));
        if observation.containers.iter().any(|container| ended(&container.state)) {
            let running = observation.containers.iter_mut().filter(|container| !ended(&container.state));
            running.for_each(|container| container.state = ContainerState::Terminated(Terminated::with_exit_code(0)));
            observation.stage = Stage::Stopped;
        }
        Some(observation)
    })
}

/// A pod is over with its regular containers, whatever its sidecars still do.
pub(super) fn does_not_wait_for_sidecars() -> Interposition {
    seeing(|mut observation| {
        let ended = |container: &ContainerObservation| matches!(container.state, ContainerState::Terminated(_));
        let mut regular = observation.containers.iter().filter(|container| container.kind == ContainerKind::App);
        if regular.all(ended) {
            let sidecars =
                observation.containers.iter_mut().filter(|it| it.kind == ContainerKind::Sidecar && !ended(it));
            sidecars.for_each(|sidecar| sidecar.state = ContainerState::Terminated(Terminated::with_exit_code(0)));
        }
        Some(observation)
    })
}

/// That a stop has begun is taken for its end.
pub(super) fn takes_the_stop_for_the_end() -> Interposition {
    seeing(|mut observation| {
        if observation.stage == Stage::Stopping {
            observation.stage = Stage::Stopped;
            for container in &mut observation.containers {
                container.state = ContainerState::Terminated(Terminated::with_exit_code(143));
            }
        }
        Some(observation)
    })
}

/// Whichever incarnation of the back end answers is believed.
pub(super) fn believes_any_incarnation() -> Interposition {
    layered(|inner| AnyIncarnation { inner })
}

struct AnyIncarnation {
    inner: BoxProvider,
}

impl LayeredProvider for AnyIncarnation {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let mut accepted = self.inner.create(request).await?;
        accepted.instance = None;
        Ok(accepted)
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let mut reply = self.inner.lookup(target).await?;
        reply.instance = None;
        Ok(reply)
    }

    async fn list(&self, page: Option<PageToken>) -> Result<Listing> {
        let mut listing = self.inner.list(page).await?;
        listing.instance = None;
        Ok(listing)
    }
}

/// An answer is taken for one about the pod that was asked about, whichever it names.
pub(super) fn takes_answers_for_any_pod() -> Interposition {
    layered(|inner| AnyPod { inner })
}

struct AnyPod {
    inner: BoxProvider,
}

fn about(uid: PodUid, observation: Option<PodObservation>) -> Option<PodObservation> {
    observation.map(|mut observation| {
        observation.uid = uid;
        observation
    })
}

impl LayeredProvider for AnyPod {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let uid = request.pod.uid.clone();
        let mut accepted = self.inner.create(request).await?;
        accepted.observation = about(uid, accepted.observation);
        Ok(accepted)
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let uid = request.target.uid.clone();
        let mut terminating = self.inner.terminate(request).await?;
        terminating.observation = about(uid, terminating.observation);
        Ok(terminating)
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let uid = target.uid.clone();
        let mut reply = self.inner.lookup(target).await?;
        reply.pod = about(uid, reply.pod);
        Ok(reply)
    }
}

/// "I cannot say" is taken for "there is none".
pub(super) fn takes_errors_for_absence() -> Interposition {
    layered(|inner| ErrorsAreAbsence { inner })
}

struct ErrorsAreAbsence {
    inner: BoxProvider,
}

impl LayeredProvider for ErrorsAreAbsence {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        Ok(self.inner.lookup(target).await.unwrap_or_else(|_| LookupReply::absent()))
    }

    async fn list(&self, page: Option<PageToken>) -> Result<Listing> {
        Ok(self.inner.list(page).await.unwrap_or_default())
    }
}

/// The first error of a create is the pod's end.
pub(super) fn takes_an_error_for_the_end() -> Interposition {
    layered(|inner| FirstErrorEnds { inner })
}

struct FirstErrorEnds {
    inner: BoxProvider,
}

impl LayeredProvider for FirstErrorEnds {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn admit(&self, pod: &ResolvedPod) -> Result<()> {
        self.inner.admit(pod).await.map_err(|error| Error::rejected("CreateFailed", error.message))
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        self.inner.create(request).await.map_err(|error| Error::rejected("CreateFailed", error.message))
    }
}

/// At most ten pods without an owner are seen at a time, so that no limit on them ever trips.
pub(super) fn collects_orphans_in_batches() -> Interposition {
    layered(|inner| Batches { inner, wanted: Mutex::default() })
}

struct Batches {
    inner: BoxProvider,
    /// Pods that were created by this process.
    wanted: Mutex<BTreeSet<PodUid>>,
}

impl LayeredProvider for Batches {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        self.wanted.lock().insert(request.pod.uid.clone());
        self.inner.create(request)
    }

    async fn list(&self, page: Option<PageToken>) -> Result<Listing> {
        let mut listing = self.inner.list(page).await?;
        let wanted = self.wanted.lock();
        let mut batch = 0;
        listing.pods.retain(|pod| {
            let is_wanted = wanted.contains(&pod.uid);
            batch += usize::from(!is_wanted);
            is_wanted || batch <= 10
        });
        Ok(listing)
    }
}

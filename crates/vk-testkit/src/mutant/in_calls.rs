//! Bugs in how a back end is called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use virtual_kubelet::core::resolved::Target;
use virtual_kubelet::core::{PodKey, PodObservation, PodUid, Result, Stage};
use virtual_kubelet::provider::layer::{Layered, LayeredProvider};
use virtual_kubelet::provider::{
    Accepted, Adopt, Answer, BoxProvider, Create, ObservationReceiver, ObservationSink, Provider, Terminate,
    Terminating, Update, Updated,
};

use crate::interposer::{Asked, Interposition};

fn layered<L: LayeredProvider>(make: fn(BoxProvider) -> L) -> Interposition {
    Interposition::none().with_provider(move |inner| BoxProvider::new(Layered(make(inner))))
}

/// Pods are told apart by their names: a call for one goes to whichever was created last under its name.
pub(super) fn keys_pods_by_name() -> Interposition {
    layered(|inner| ByName { inner, newest: Mutex::default() })
}

struct ByName {
    inner: BoxProvider,
    newest: Mutex<BTreeMap<PodKey, PodUid>>,
}

impl ByName {
    fn named(&self, mut target: Target) -> Target {
        if let Some(newest) = self.newest.lock().get(&target.key) {
            target.uid = newest.clone();
        }
        target
    }
}

impl LayeredProvider for ByName {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        self.newest.lock().insert(request.pod.key.clone(), request.pod.uid.clone());
        self.inner.create(request)
    }

    fn terminate(&self, mut request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        request.target = self.named(request.target);
        self.inner.terminate(request)
    }

    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send {
        self.inner.remove(self.named(target))
    }
}

/// The back end is let go as soon as it was told to stop.
pub(super) fn releases_with_the_stop() -> Interposition {
    layered(|inner| ReleasesWithTheStop { inner })
}

struct ReleasesWithTheStop {
    inner: BoxProvider,
}

impl LayeredProvider for ReleasesWithTheStop {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let target = request.target.clone();
        let terminating = self.inner.terminate(request).await?;
        drop(self.inner.remove(target).await);
        Ok(terminating)
    }
}

/// A completed pod is let go at once, logs and all.
pub(super) fn releases_what_completes() -> Interposition {
    layered(|inner| ReleasesWhatCompletes { inner })
}

struct ReleasesWhatCompletes {
    inner: BoxProvider,
}

impl LayeredProvider for ReleasesWhatCompletes {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn watch(&self, sink: ObservationSink) -> Result<()> {
        let releasing = Arc::new(ReleasingSink { sink, provider: self.inner.clone() });
        self.inner.watch(ObservationSink::new(releasing)).await
    }
}

struct ReleasingSink {
    sink: ObservationSink,
    provider: BoxProvider,
}

impl ObservationReceiver for ReleasingSink {
    fn observe(&self, observation: PodObservation) {
        if observation.stage == Stage::Stopped {
            let (provider, target) = (self.provider.clone(), Target::new(observation.uid.clone(), PodKey::new("", "")));
            tokio::spawn(async move { drop(provider.remove(target).await) });
        }
        self.sink.observe(observation);
    }

    fn live(&self) {
        self.sink.live();
    }
}

/// A pod is told to stop once, whatever deadline comes later.
pub(super) fn stops_once() -> Interposition {
    layered(|inner| StopsOnce { inner, told: Mutex::default() })
}

struct StopsOnce {
    inner: BoxProvider,
    told: Mutex<BTreeSet<PodUid>>,
}

impl LayeredProvider for StopsOnce {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let is_first = self.told.lock().insert(request.target.uid.clone());
        if is_first { self.inner.terminate(request).await } else { Ok(Terminating::accepted()) }
    }
}

/// Every stop gets as much time as the longest one could want.
pub(super) fn puts_deadlines_off() -> Interposition {
    layered(|inner| PutsOff { inner })
}

struct PutsOff {
    inner: BoxProvider,
}

impl LayeredProvider for PutsOff {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    fn terminate(&self, mut request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        request.grace = request.grace.max(Duration::from_secs(600));
        self.inner.terminate(request)
    }
}

/// A pod that is not wanted any more is created to the end all the same.
pub(super) fn ignores_cancellation() -> Interposition {
    layered(|inner| IgnoresCancellation { inner })
}

struct IgnoresCancellation {
    inner: BoxProvider,
}

impl LayeredProvider for IgnoresCancellation {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    fn create(&self, mut request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        request.cancel = CancellationToken::new();
        self.inner.create(request)
    }
}

/// What survived the agent is started anew.
pub(super) fn restarts_what_it_adopts() -> Interposition {
    layered(|inner| RestartsAdopted { inner })
}

struct RestartsAdopted {
    inner: BoxProvider,
}

impl LayeredProvider for RestartsAdopted {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn adopt(&self, request: Adopt) -> Result<()> {
        let Adopt { target, pod, context, .. } = request;
        self.inner.terminate(Terminate::new(target.clone(), Duration::from_secs(1))).await?;
        self.inner.remove(target).await?;
        self.inner.create(Create::new(pod, context, CancellationToken::new())).await?;
        Ok(())
    }
}

/// A create that fails is repeated at once, without asking first whether the pod is there.
pub(super) fn repeats_creates_unasked() -> Interposition {
    layered(|inner| RepeatsCreates { inner })
}

struct RepeatsCreates {
    inner: BoxProvider,
}

impl LayeredProvider for RepeatsCreates {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let Create { pod, context, cancel, .. } = request;
        let first = self.inner.create(Create::new(pod.clone(), context.clone(), cancel.clone())).await;
        match first {
            Ok(accepted) => Ok(accepted),
            Err(_) => self.inner.create(Create::new(pod, context, cancel)).await,
        }
    }
}

/// What the back end refused twenty times is forgotten.
pub(super) fn gives_up_creating_after_twenty_tries() -> Interposition {
    layered(|inner| GivesUp { inner, failures: Mutex::default() })
}

struct GivesUp {
    inner: BoxProvider,
    failures: Mutex<BTreeMap<PodUid, u32>>,
}

impl LayeredProvider for GivesUp {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let uid = request.pod.uid.clone();
        if self.failures.lock().get(&uid).is_some_and(|failed| *failed >= 20) {
            return std::future::pending().await;
        }
        let created = self.inner.create(request).await;
        if created.is_err() {
            *self.failures.lock().entry(uid).or_default() += 1;
        }
        created
    }
}

/// One call at a time, for all pods: one that hangs holds up the others.
pub(super) fn makes_one_call_at_a_time() -> Interposition {
    layered(|inner| OneAtATime { inner, turn: Semaphore::new(1) })
}

struct OneAtATime {
    inner: BoxProvider,
    turn: Semaphore,
}

impl LayeredProvider for OneAtATime {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let _turn = self.turn.acquire().await;
        self.inner.create(request).await
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let _turn = self.turn.acquire().await;
        self.inner.terminate(request).await
    }
}

/// A call that is never answered is waited for as long.
pub(super) fn waits_for_ever() -> Interposition {
    layered(|inner| WaitsForEver { inner })
}

struct WaitsForEver {
    inner: BoxProvider,
}

impl LayeredProvider for WaitsForEver {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let limit = Duration::from_secs(100);
        match tokio::time::timeout(limit, self.inner.create(request)).await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Who has told a pod to stop asks again and again whether it has.
pub(super) fn waits_for_the_stop_without_a_pause() -> Interposition {
    layered(|inner| AsksWithoutPause { inner })
}

struct AsksWithoutPause {
    inner: BoxProvider,
}

impl LayeredProvider for AsksWithoutPause {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let target = request.target.clone();
        let terminating = self.inner.terminate(request).await?;
        while self.inner.lookup(target.clone()).await?.pod.is_some_and(|pod| pod.stage == Stage::Stopping) {}
        Ok(terminating)
    }
}

/// A change that the back end did not take is forgotten.
pub(super) fn forgets_updates_that_fail() -> Interposition {
    layered(|inner| ForgetsUpdates { inner })
}

struct ForgetsUpdates {
    inner: BoxProvider,
}

impl LayeredProvider for ForgetsUpdates {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    async fn update(&self, request: Update) -> Result<Updated> {
        let change = request.change;
        Ok(self.inner.update(request).await.unwrap_or_else(|_| Updated::all(&change, Answer::Applied)))
    }
}

/// How long things take is drawn from somewhere else than the seed.
pub(super) fn draws_from_elsewhere() -> Interposition {
    Interposition::none().with_api(|| {
        let elsewhere = std::hash::RandomState::new();
        let count = std::sync::atomic::AtomicU64::new(0);
        move |request: http::Request<bytes::Bytes>, onward: crate::interposer::Onward| {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let drawn = std::hash::BuildHasher::hash_one(&elsewhere, number) % 50;
            let is_write = Asked::of(&request).is_write();
            let exchange: crate::interposer::Exchange = Box::pin(async move {
                if is_write {
                    tokio::time::sleep(Duration::from_millis(drawn)).await;
                }
                onward.send(request).await
            });
            exchange
        }
    })
}

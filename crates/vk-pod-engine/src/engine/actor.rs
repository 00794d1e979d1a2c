//! The actor: owns every pod, feeds their machines, carries out what they ask for. It decides nothing about pods.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use vk_core::{BackendInstance, Error, PodObservation, PodUid, Result};
use vk_provider::ObservationSink;

use super::calls;
use super::command::{Command, Report};
use super::pod::Pod;
use crate::env::EngineEnv;
use crate::machine::{Effect, Event, PodMachine};
use crate::runtime::{ContainerRuntime, HintBoard, PodIdentity};
use crate::translate::ClusterDns;

/// Reports of volume keepers that wait to be looked at.
const REPORTS: usize = 1024;
/// Containers and sandboxes that are made at the same time.
const STARTS: usize = 16;
/// Images that are fetched at the same time.
const PULLS: usize = 5;
/// Lists and lookups at the same time.
const LISTS: usize = 8;

/// What the calls of all pods share.
pub(super) struct Shared<R> {
    pub(super) runtime: Arc<R>,
    pub(super) dns: ClusterDns,
    pub(super) starts: Semaphore,
    pub(super) pulls: Semaphore,
    pub(super) lists: Semaphore,
    pub(super) reports: mpsc::Sender<Report>,
    env: EngineEnv,
}

impl<R> Shared<R> {
    /// Runs a future that nobody waits for.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.env.spawn(future);
    }
}

pub(super) struct Actor<R> {
    pub(super) shared: Arc<Shared<R>>,
    pub(super) env: EngineEnv,
    pub(super) pods: BTreeMap<PodUid, Pod>,
    pub(super) tasks: FuturesUnordered<BoxFuture<'static, Report>>,
    pub(super) listing: super::listing::ListAll,
    pub(super) board: Arc<HintBoard>,
    pub(super) subscription: Option<(ObservationSink, oneshot::Sender<()>)>,
    /// Which incarnation of the runtime answered last.
    pub(super) instance: Option<BackendInstance>,
    /// How the newest list of everything went; before the first one, that nobody knows yet.
    pub(super) health: Result<()>,
    timers: BTreeSet<(Duration, PodUid)>,
    commands: mpsc::Receiver<Command>,
    reports: mpsc::Receiver<Report>,
    shutdown: CancellationToken,
    revision: u64,
}

impl<R: ContainerRuntime> Actor<R> {
    pub(super) fn new(
        runtime: Arc<R>,
        dns: ClusterDns,
        env: EngineEnv,
        commands: mpsc::Receiver<Command>,
        shutdown: CancellationToken,
    ) -> Self {
        let (sender, reports) = mpsc::channel(REPORTS);
        let shared = Shared {
            runtime,
            dns,
            starts: Semaphore::new(STARTS),
            pulls: Semaphore::new(PULLS),
            lists: Semaphore::new(LISTS),
            reports: sender,
            env: env.clone(),
        };
        Self {
            shared: Arc::new(shared),
            env,
            pods: BTreeMap::new(),
            tasks: FuturesUnordered::new(),
            listing: super::listing::ListAll::default(),
            board: Arc::new(HintBoard::default()),
            subscription: None,
            instance: None,
            health: Err(Error::unavailable("the container runtime has not answered yet")),
            timers: BTreeSet::new(),
            commands,
            reports,
            shutdown,
            revision: 0,
        }
    }

    pub(super) async fn run(mut self) {
        self.watch_runtime();
        self.want_list();
        loop {
            self.list_if_wanted();
            let wakeup = self.next_wakeup();
            let board = Arc::clone(&self.board);
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                Some(report) = self.reports.recv() => self.hear(report),
                Some(report) = self.tasks.next(), if !self.tasks.is_empty() => self.hear(report),
                hints = board.take() => self.take_hints(hints),
                () = sleep_until(&self.env, wakeup) => self.wake(),
            }
        }
    }

    fn next_wakeup(&self) -> Option<Duration> {
        let pods = self.timers.first().map(|(at, _)| *at);
        [pods, self.listing.wakeup()].into_iter().flatten().min()
    }

    fn wake(&mut self) {
        let now = self.env.now().mono;
        let due: Vec<PodUid> =
            self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, uid)| uid.clone()).collect();
        for uid in due {
            self.feed(&uid, Event::Tick);
        }
    }

    /// Runs a future, and hears its report. A panic of the runtime's code becomes `on_panic`.
    pub(super) fn spawn(
        &mut self,
        task: impl Future<Output = Report> + Send + 'static,
        on_panic: impl FnOnce(Error) -> Report + Send + 'static,
    ) {
        let guarded = AssertUnwindSafe(task).catch_unwind().map(|result| match result {
            Ok(report) => report,
            Err(_) => on_panic(Error::internal("the container runtime's client panicked")),
        });
        self.tasks.push(guarded.boxed());
    }

    fn hear(&mut self, report: Report) {
        match report {
            Report::Done { uid, id, outcome } => {
                if let Some(pod) = self.pods.get_mut(&uid) {
                    pod.cancels.remove(&id);
                    pod.probes.ended(id, &outcome);
                }
                self.feed(&uid, Event::Done { id, outcome });
            }
            Report::ListedAll { marks, result } => self.listed_all(marks, result),
            Report::LookedUp { uid, mark, result, reply } => {
                let answer = result.map(|(pods, instance)| self.looked_up(&uid, mark, pods, instance));
                let _ = reply.send(answer);
            }
            Report::Volume { uid, name, state, path } => {
                if let (Some(pod), Some(path)) = (self.pods.get_mut(&uid), path) {
                    pod.volumes.insert(name.clone(), path);
                }
                self.feed(&uid, Event::Volume { name, state });
            }
            Report::ReferencesChanged { uid } => self.feed(&uid, Event::ReferencesChanged),
            Report::WatchEnded(result) => self.watch_ended(result),
            Report::WatchAgain => self.watch_runtime(),
            Report::LookupBroke { uid, error } => tracing::warn!(%uid, %error, "a lookup got no answer"),
        }
    }

    /// The pod of this identity, made if need be.
    pub(super) fn pod(&mut self, identity: &PodIdentity) -> &mut Pod {
        let scheme = &self.shared.runtime.features().name;
        self.pods
            .entry(identity.uid.clone())
            .or_insert_with(|| Pod::new(PodMachine::new(identity.clone(), scheme.as_str())))
    }

    /// Feeds a pod's machine and does what it asks for.
    pub(super) fn feed(&mut self, uid: &PodUid, event: Event) {
        let now = self.env.now();
        let Some(pod) = self.pods.get_mut(uid) else { return };
        let step = std::panic::catch_unwind(AssertUnwindSafe(|| pod.machine.step(event, now)));
        let effects = step.unwrap_or_else(|_| {
            tracing::error!(%uid, "a defect: a step of this pod's machine panicked; it begins anew from what the runtime holds");
            pod.machine = pod.machine.begin_anew(now);
            pod.cancels.clear();
            Vec::new()
        });
        for effect in effects {
            self.carry_out(uid, effect);
        }
        self.reset_timer(uid);
        self.report(uid);
    }

    fn carry_out(&mut self, uid: &PodUid, effect: Effect) {
        let Some(pod) = self.pods.get_mut(uid) else { return };
        match effect {
            Effect::Call { id, call } => {
                let cancel = CancellationToken::new();
                pod.cancels.insert(id, cancel.clone());
                pod.probes.begun(id, &call);
                let request = calls::Request::new(pod, call, cancel);
                let on_panic = request.failed(uid.clone(), id);
                let task = calls::perform(Arc::clone(&self.shared), request);
                let uid = uid.clone();
                self.spawn(task.map(move |outcome| Report::Done { uid, id, outcome }), on_panic);
            }
            Effect::Cancel { id } => {
                if let Some(cancel) = pod.cancels.get(&id) {
                    cancel.cancel();
                }
            }
            Effect::Record(event) => {
                if let Some(given) = &pod.given {
                    given.context.events.record(event);
                }
            }
            Effect::RemoveFailed(error) => {
                for remover in pod.removers.drain(..) {
                    // A caller that went away asks again if it still cares.
                    let _ = remover.send(Err(error.clone()));
                }
            }
            Effect::Forget => self.forget(uid),
        }
    }

    pub(super) fn forget(&mut self, uid: &PodUid) {
        let Some(pod) = self.pods.remove(uid) else { return };
        if let Some(at) = pod.wakeup {
            self.timers.remove(&(at, uid.clone()));
        }
        for remover in pod.removers {
            let _ = remover.send(Ok(()));
        }
    }

    fn reset_timer(&mut self, uid: &PodUid) {
        let now = self.env.now();
        let Some(pod) = self.pods.get_mut(uid) else { return };
        let wakeup = pod.machine.wakeup(now);
        if wakeup == pod.wakeup {
            return;
        }
        if let Some(at) = pod.wakeup {
            self.timers.remove(&(at, uid.clone()));
        }
        if let Some(at) = wakeup {
            self.timers.insert((at, uid.clone()));
        }
        pod.wakeup = wakeup;
    }

    /// Tells the core what has changed of a pod, if anything has.
    fn report(&mut self, uid: &PodUid) {
        let Some(pod) = self.pods.get_mut(uid) else { return };
        let observed = pod.machine.observe();
        if pod.observed.as_ref() == Some(&observed) {
            return;
        }
        self.revision += 1;
        let mut observation = PodObservation::new(uid.clone(), self.revision, observed.stage.clone());
        observation.containers.clone_from(&observed.containers);
        observation.pod_ips = match &pod.given {
            Some(given) if given.host_network => given.context.node.host_ips.clone(),
            _ => observed.ips.clone(),
        };
        pod.observed = Some(observed);
        pod.observation = Some(observation.clone());
        if let Some((sink, _)) = &self.subscription {
            sink.observe(observation);
        }
    }
}

async fn sleep_until(env: &EngineEnv, mono: Option<Duration>) {
    match mono {
        Some(mono) => env.sleep_until(mono).await,
        None => std::future::pending().await,
    }
}

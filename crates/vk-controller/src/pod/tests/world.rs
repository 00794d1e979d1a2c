//! An API server in process, a back end in memory, and a pod controller between them. Time is tokio's, paused.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, poll_fn};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vk_apiserver::{ApiServer, Identity, Options, VirtualClock};
use vk_core::node::lease::LeaseState;
use vk_core::resolve::NodeFacts;
use vk_core::resolved::Target;
use vk_core::support::SupportTable;
use vk_core::{
    ContainerKind, ContainerObservation, ContainerState, Error, Handle, PodObservation, PodUid, Result, Stage,
    Terminated,
};
use vk_provider::provider::{Accepted, Create, Listing, LookupReply, PageToken, Terminate, Terminating};
use vk_provider::{BoxProvider, Description, ObservationSink, Provider};

use crate::env::{Env, Random, Spawner};
use crate::events::EventRecorder;
use crate::node::LeaseReport;
use crate::pod::input::{Input, Watched};
use crate::pod::wire::WirePod;
use crate::pod::{PodClients, PodController, PodControllerDefect, PodParts, PodSettings};
use crate::references::References;

thread_local! {
    /// Whether the pod controller itself runs, and none of the tasks that it has spawned.
    static IN_CONTROLLER: Cell<bool> = const { Cell::new(false) };
}

/// Ends all it has spawned when it is dropped, as a crash does.
#[derive(Default)]
struct Scope(Mutex<JoinSet<()>>);

impl Spawner for Scope {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        self.0.lock().spawn(future);
    }
}

/// A wall clock that panics once, when the controller itself has read it so many times; 0 is never.
#[derive(Default)]
pub(super) struct Tripwire(AtomicUsize);

impl Tripwire {
    pub(super) fn set(&self, reads: usize) {
        self.0.store(reads, Ordering::Relaxed);
    }

    pub(super) fn has_been_hit(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn step(&self) {
        let left = self.0.load(Ordering::Relaxed);
        if left > 0 && IN_CONTROLLER.get() {
            self.0.store(left - 1, Ordering::Relaxed);
            if left == 1 {
                std::panic::panic_any("the clock is broken");
            }
        }
    }
}

/// How the back end takes a pod.
#[derive(Debug, Clone)]
pub(super) enum Mood {
    /// It runs at once; that is pushed before the create is answered.
    Runs,
    /// It is accepted, and does not run yet.
    Provisions,
    Refuses(Error),
}

#[derive(Clone)]
pub(super) struct BackEnd {
    state: Arc<Mutex<State>>,
    description: Arc<Description>,
}

struct State {
    mood: Mood,
    pods: BTreeMap<PodUid, PodObservation>,
    starts: BTreeMap<PodUid, usize>,
    creates: usize,
    lookups: usize,
    /// So many lookups, the next ones, never end.
    hanging_lookups: usize,
    terminates: usize,
    /// Removals never end.
    removals_hang: bool,
    sinks: Vec<ObservationSink>,
}

impl BackEnd {
    pub(super) fn new(describe: impl FnOnce(&mut Description)) -> Self {
        let mut description = Description::new("memory");
        description.support = SupportTable::everything();
        describe(&mut description);
        let state = State {
            mood: Mood::Runs,
            pods: BTreeMap::new(),
            starts: BTreeMap::new(),
            creates: 0,
            lookups: 0,
            hanging_lookups: 0,
            terminates: 0,
            removals_hang: false,
            sinks: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), description: Arc::new(description) }
    }

    pub(super) fn set_mood(&self, mood: Mood) {
        self.state.lock().mood = mood;
    }

    pub(super) fn creates(&self) -> usize {
        self.state.lock().creates
    }

    pub(super) fn terminates(&self) -> usize {
        self.state.lock().terminates
    }

    pub(super) fn let_removals_hang(&self, hang: bool) {
        self.state.lock().removals_hang = hang;
    }

    pub(super) fn let_next_lookups_hang(&self, count: usize) {
        self.state.lock().hanging_lookups = count;
    }

    pub(super) fn lookups(&self) -> usize {
        self.state.lock().lookups
    }

    /// How often each pod was started.
    pub(super) fn starts(&self) -> Vec<usize> {
        self.state.lock().starts.values().copied().collect()
    }

    fn tell(&self, observation: &PodObservation) {
        let sinks = self.state.lock().sinks.clone();
        sinks.iter().for_each(|sink| sink.observe(observation.clone()));
    }

    fn put(&self, uid: &PodUid, revision: u64, stage: Stage, state: ContainerState) -> PodObservation {
        let container = ContainerObservation::new("app", ContainerKind::App, state);
        let observation = PodObservation::new(uid.clone(), revision, stage).with_containers(vec![container]);
        self.state.lock().pods.insert(uid.clone(), observation.clone());
        self.tell(&observation);
        observation
    }
}

impl Provider for BackEnd {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let uid = request.pod.uid.clone();
        let mood = {
            let mut state = self.state.lock();
            state.creates += 1;
            state.mood.clone()
        };
        let observation = match mood {
            Mood::Refuses(error) => return Err(error),
            Mood::Provisions => {
                let stage = Stage::Provisioning { reason: "Queued".to_owned(), message: String::new() };
                self.put(&uid, 1, stage, ContainerState::waiting("", ""))
            }
            Mood::Runs => {
                *self.state.lock().starts.entry(uid.clone()).or_default() += 1;
                self.put(&uid, 1, Stage::Active, ContainerState::Running { started_at: None })
            }
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
        let handle = Handle::new(b"job".to_vec()).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Accepted::observed(observation).with_handle(handle))
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        self.state.lock().terminates += 1;
        let ended = ContainerState::Terminated(Terminated::with_exit_code(0));
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.put(&request.target.uid, 2, Stage::Stopped, ended);
        Ok(Terminating::accepted())
    }

    async fn remove(&self, target: Target) -> Result<()> {
        while self.state.lock().removals_hang {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.state.lock().pods.remove(&target.uid);
        Ok(())
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let hangs = {
            let mut state = self.state.lock();
            state.lookups += 1;
            let hangs = state.hanging_lookups > 0;
            state.hanging_lookups -= usize::from(hangs);
            hangs
        };
        if hangs {
            return std::future::pending().await;
        }
        let state = self.state.lock();
        Ok(state.pods.get(&target.uid).cloned().map_or_else(LookupReply::absent, LookupReply::found))
    }

    async fn list(&self, _page: Option<PageToken>) -> Result<Listing> {
        Ok(Listing::complete(self.state.lock().pods.values().cloned().collect()))
    }

    async fn watch(&self, sink: ObservationSink) -> Result<()> {
        self.state.lock().sinks.push(sink.clone());
        sink.live();
        std::future::pending().await
    }
}

pub(super) struct World {
    pub(super) server: ApiServer,
    pub(super) back_end: BackEnd,
    pub(super) tripwire: Arc<Tripwire>,
    background: JoinSet<()>,
}

/// What a controller leaves behind.
pub(super) type Ended = std::result::Result<(), PodControllerDefect>;

/// A running controller. Dropping it is a crash.
pub(super) struct Running {
    pub(super) shutdown: CancellationToken,
    task: JoinSet<Ended>,
    _scope: Arc<Scope>,
    pub(super) lease: watch::Sender<LeaseReport>,
    /// Where the watch of pods reports.
    watched: mpsc::Sender<Input>,
    _ends: (watch::Sender<Arc<NodeFacts>>, watch::Sender<u64>),
}

impl Running {
    pub(super) fn set_lease(&self, state: LeaseState) {
        self.lease.send_replace(LeaseReport { state, outages: 0 });
    }

    /// The watch shows that this pod is gone, though the API server has it still.
    pub(super) async fn show_gone(&self, pod: &serde_json::Value) {
        let uid = PodUid::from(pod["metadata"]["uid"].as_str().expect("a UID"));
        self.show(Watched::Deleted { uid, deletion: None }).await;
    }

    /// The watch shows the pod like this.
    pub(super) async fn show_pod(&self, pod: &serde_json::Value) {
        let pod: WirePod = serde_json::from_value(pod.clone()).expect("a pod");
        self.show(Watched::Applied(pod.snapshot.expect("a pod that can be read"))).await;
    }

    async fn show(&self, watched: Watched) {
        assert!(self.watched.send(Input::Watched(watched)).await.is_ok(), "the controller has ended");
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> Ended {
        self.task.join_next().await.expect("it has not been waited for").expect("no panic leaves it")
    }

    /// Its end, if it has come to that.
    pub(super) fn has_ended(&mut self) -> Option<Ended> {
        Some(self.task.try_join_next()?.expect("no panic leaves it"))
    }
}

impl World {
    pub(super) async fn new(back_end: BackEnd) -> Self {
        let epoch = "2026-11-22T14:00:00Z".parse().expect("a time");
        let server = ApiServer::new(Options::default(), VirtualClock::starting_at(epoch));
        let mut background = JoinSet::new();
        background.spawn(server.clone().background());
        let world = Self { server, back_end, tripwire: Arc::default(), background };
        let node: Node = serde_json::from_value(json!({"metadata": {"name": "vk"}})).expect("a node");
        let nodes: Api<Node> = Api::all(world.client(Identity::admin()));
        nodes.create(&PostParams::default(), &node).await.expect("the node is taken");
        world
    }

    fn client(&self, identity: Identity) -> Client {
        Client::new(self.server.service(identity), "default")
    }

    pub(super) fn start(&self) -> Running {
        let scope = Arc::new(Scope::default());
        let (server, tripwire) = (self.server.clone(), self.tripwire.clone());
        let clock = move || -> Timestamp {
            tripwire.step();
            server.now().wall
        };
        let env = Env::new(Arc::new(clock), Random::seeded(7), scope.clone());
        let client = || self.client(Identity::node("vk"));
        let (facts, node) = watch::channel(Arc::new(NodeFacts { settled: true, ..NodeFacts::default() }));
        let (reconnects, reconnect) = watch::channel(0);
        let (lease, lease_seen) = watch::channel(LeaseReport { state: LeaseState::Held, outages: 0 });
        let parts = PodParts {
            node_name: "vk".to_owned(),
            clients: PodClients { watch: client(), write: client() },
            provider: BoxProvider::new(self.back_end.clone()),
            references: References::new(client(), 10, env.clone()),
            recorder: EventRecorder::new(client(), "vk", &env),
            node,
            reconnect,
            lease: lease_seen,
            settings: PodSettings::default(),
        };
        let shutdown = CancellationToken::new();
        let controller = PodController::new(env, parts);
        let watched = controller.sender.clone();
        let running = controller.run(shutdown.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut running = pin!(running);
            poll_fn(|context| {
                IN_CONTROLLER.set(true);
                let polled = running.as_mut().poll(context);
                IN_CONTROLLER.set(false);
                polled
            })
            .await
        });
        Running { shutdown, task, lease, watched, _scope: scope, _ends: (facts, reconnects) }
    }

    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client(Identity::admin()))
    }

    pub(super) async fn create_pod(&self, name: &str) {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {
                "nodeName": "vk",
                "containers": [{"name": "app", "image": "app:1"}],
                "automountServiceAccountToken": false,
                "tolerations": [{"operator": "Exists"}],
            },
        }))
        .expect("a pod");
        self.pods().create(&PostParams::default(), &pod).await.expect("the pod is taken");
    }

    pub(super) async fn delete_pod(&self, name: &str) {
        self.pods().delete(name, &DeleteParams::default()).await.expect("the deletion is taken");
    }

    /// The pod as JSON; null if it is gone.
    pub(super) fn pod(&self, name: &str) -> serde_json::Value {
        self.server.inspect(|kernel| {
            kernel.object("pods", "default", name).map(|pod| (**pod).clone().into_value()).unwrap_or_default()
        })
    }

    pub(super) fn phase(&self, name: &str) -> String {
        self.pod(name)["status"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    /// What the controller asked to write about this pod.
    pub(super) fn writes(&self, name: &str) -> Vec<String> {
        self.server.inspect(|kernel| {
            let ours = kernel.requests().filter(|request| request.user == "system:node:vk" && request.name == name);
            let writes = ours.filter(|request| request.resource == "pods" && request.verb != "get");
            writes.map(|request| format!("{} {} {}", request.verb, request.subresource, request.code)).collect()
        })
    }

    /// Lets time pass until the predicate holds, at most this long; whether it did.
    pub(super) async fn comes(&self, within: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let deadline = tokio::time::Instant::now() + within;
        while !holds(self) {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.background.abort_all();
    }
}

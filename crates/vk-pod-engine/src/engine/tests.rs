//! The engine on a runtime in memory, for what a real one does not do on demand: not answering, panicking, hanging.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use vk_core::resolve::NodeFacts;
use vk_core::support::SupportTable;
use vk_core::{BackendInstance, ContainerState, Error, ErrorKind, PodKey, RawPod, ResolvedPod, Result, Stage, Target};
use vk_provider::{ClusterData, Create, Data, DataRef, EventSink, LogReply, PodContext, Provider, Terminate};

use super::{EngineConfig, PodEngine};
use crate::env::EngineEnv;
use crate::logs::ContainerLogRequest;
use crate::runtime::{
    ContainerId, ContainerRuntime, ContainerSpec, HintSink, Image, PullRequest, RunState, RuntimeContainer,
    RuntimeFeatures, RuntimePod, RuntimeSandbox, SandboxId, SandboxSpec, Scope, Signal,
};

/// A runtime in memory with switches for what can go wrong.
struct MemoryRuntime {
    features: RuntimeFeatures,
    faults: Arc<Faults>,
    /// What each of two incarnations holds.
    pods: [Mutex<BTreeMap<String, RuntimePod>>; 2],
    hints: Mutex<Option<HintSink>>,
}

#[derive(Default)]
struct Faults {
    down: AtomicBool,
    /// The other incarnation answers.
    replaced: AtomicBool,
    starts: AtomicUsize,
    panics_on_create: AtomicBool,
    hangs_on_create: AtomicBool,
}

impl MemoryRuntime {
    fn new(faults: Arc<Faults>) -> Self {
        let features = RuntimeFeatures::new("memory", SupportTable::minimal());
        Self { features, faults, pods: <[_; 2]>::default(), hints: Mutex::default() }
    }

    fn held(&self) -> &Mutex<BTreeMap<String, RuntimePod>> {
        &self.pods[usize::from(self.faults.replaced.load(Ordering::SeqCst))]
    }

    fn answers(&self) -> Result<()> {
        if self.faults.down.load(Ordering::SeqCst) { Err(Error::unavailable("down")) } else { Ok(()) }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, RuntimePod>)) {
        let mut pods = self.held().lock();
        change(&mut pods);
        if let Some(hints) = &*self.hints.lock() {
            for pod in pods.values() {
                hints.pod(pod.pod.uid.clone());
            }
        }
    }

    fn change_container(&self, id: &ContainerId, change: impl Fn(&mut RuntimeContainer)) {
        self.change(|pods| {
            let containers = pods.values_mut().flat_map(|pod| pod.containers.iter_mut());
            containers.filter(|container| container.id == *id).for_each(change);
        });
    }
}

impl ContainerRuntime for MemoryRuntime {
    fn features(&self) -> &RuntimeFeatures {
        &self.features
    }

    async fn instance(&self) -> Result<BackendInstance> {
        self.answers()?;
        let replaced = self.faults.replaced.load(Ordering::SeqCst);
        Ok(BackendInstance::from(if replaced { "memory-2" } else { "memory-1" }))
    }

    async fn list(&self, scope: Scope) -> Result<Vec<RuntimePod>> {
        self.answers()?;
        let wanted = |pod: &&RuntimePod| match &scope {
            Scope::All => true,
            Scope::Pod(uid) => pod.pod.uid == *uid,
        };
        Ok(self.held().lock().values().filter(wanted).cloned().collect())
    }

    async fn ensure_sandbox(&self, spec: SandboxSpec) -> Result<RuntimeSandbox> {
        self.answers()?;
        let id = SandboxId::new(format!("{}-{}", spec.pod.uid, spec.attempt));
        let sandbox = RuntimeSandbox { id, attempt: spec.attempt, running: true, ips: Vec::new() };
        self.change(|pods| {
            let pod = pods.entry(spec.pod.uid.to_string()).or_insert_with(|| RuntimePod::empty(spec.pod.clone()));
            if !pod.sandboxes.contains(&sandbox) {
                pod.sandboxes.push(sandbox.clone());
            }
        });
        Ok(sandbox)
    }

    async fn stop_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.answers()?;
        self.change(|pods| {
            let sandboxes = pods.values_mut().flat_map(|pod| pod.sandboxes.iter_mut());
            sandboxes.filter(|sandbox| sandbox.id == *id).for_each(|sandbox| sandbox.running = false);
        });
        Ok(())
    }

    async fn remove_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.answers()?;
        self.change(|pods| {
            pods.values_mut().for_each(|pod| pod.sandboxes.retain(|sandbox| sandbox.id != *id));
            pods.retain(|_, pod| !pod.is_empty());
        });
        Ok(())
    }

    async fn find_image(&self, _reference: &str) -> Result<Option<Image>> {
        self.answers()?;
        Ok(Some(Image::new("sha256:1")))
    }

    async fn pull_image(&self, _request: PullRequest) -> Result<Image> {
        self.answers()?;
        Ok(Image::new("sha256:1"))
    }

    async fn create_container(&self, _sandbox: &SandboxId, spec: ContainerSpec) -> Result<ContainerId> {
        self.answers()?;
        assert!(!self.faults.panics_on_create.swap(false, Ordering::SeqCst), "a defect of the runtime's client");
        if self.faults.hangs_on_create.swap(false, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let identity = spec.identity;
        let id = ContainerId::new(format!("{}-{}-{}", identity.pod.uid, identity.name, identity.attempt));
        let container = RuntimeContainer {
            id: id.clone(),
            name: identity.name,
            kind: identity.kind,
            attempt: identity.attempt,
            sandbox_attempt: identity.sandbox_attempt,
            spec_hash: identity.spec_hash,
            image: spec.image,
            image_id: spec.image_id,
            state: RunState::Created,
            message_from_log: spec.message_from_log,
        };
        self.change(|pods| {
            if let Some(pod) = pods.get_mut(identity.pod.uid.as_str()) {
                pod.containers.push(container);
            }
        });
        Ok(id)
    }

    async fn start_container(&self, id: &ContainerId) -> Result<()> {
        self.answers()?;
        self.faults.starts.fetch_add(1, Ordering::SeqCst);
        self.change_container(id, |container| {
            container.state = RunState::Running { started_at: Some(Timestamp::UNIX_EPOCH) };
        });
        Ok(())
    }

    async fn signal_container(&self, id: &ContainerId, _signal: Signal) -> Result<()> {
        self.answers()?;
        self.change_container(id, |container| {
            container.state = RunState::Exited(vk_core::Terminated::with_exit_code(143));
        });
        Ok(())
    }

    async fn remove_container(&self, id: &ContainerId) -> Result<()> {
        self.answers()?;
        self.change(|pods| {
            pods.values_mut().for_each(|pod| pod.containers.retain(|container| container.id != *id));
            pods.retain(|_, pod| !pod.is_empty());
        });
        Ok(())
    }

    async fn logs(&self, _id: &ContainerId, _request: ContainerLogRequest) -> Result<LogReply> {
        Err(Error::internal("there are no logs in memory"))
    }

    async fn watch(&self, hints: HintSink) -> Result<()> {
        self.answers()?;
        hints.live();
        *self.hints.lock() = Some(hints);
        std::future::pending().await
    }
}

/// A cluster that holds nothing but Services.
struct Nothing;

impl ClusterData for Nothing {
    fn get(&self, reference: DataRef) -> BoxFuture<'_, Result<Option<Data>>> {
        let answer = matches!(reference, DataRef::Services).then(|| Data::Services(Arc::default()));
        futures::future::ready(Ok(answer)).boxed()
    }

    fn changes(&self, _reference: DataRef) -> BoxStream<'static, Result<Option<Data>>> {
        futures::stream::pending().boxed()
    }
}

impl EventSink for Nothing {
    fn record(&self, _event: vk_core::BackendEvent) {}
}

struct World {
    engine: PodEngine<MemoryRuntime>,
    faults: Arc<Faults>,
    /// Ends the engine with the test.
    _life: tokio_util::sync::DropGuard,
}

const UID: &str = "uid-1";

impl World {
    fn start() -> Self {
        let faults = Arc::new(Faults::default());
        let shutdown = CancellationToken::new();
        let config = EngineConfig {
            cluster_domain: "cluster.local".to_owned(),
            cluster_dns: Vec::new(),
            shutdown: shutdown.clone(),
        };
        #[expect(clippy::disallowed_methods, reason = "a test's own executor")]
        let env = EngineEnv::new(|| Timestamp::UNIX_EPOCH, |future| drop(tokio::spawn(future)));
        let engine = PodEngine::start(MemoryRuntime::new(Arc::clone(&faults)), config, env);
        Self { engine, faults, _life: shutdown.drop_guard() }
    }

    fn set_down(&self, down: bool) {
        self.faults.down.store(down, Ordering::SeqCst);
    }

    fn target() -> Target {
        Target::new(UID.into(), PodKey::new("default", "web"))
    }

    async fn create(&self) -> Result<()> {
        let pod = json!({
            "metadata": {"name": "web", "namespace": "default", "uid": UID},
            "spec": {"containers": [{"name": "app", "image": "a:1"}]},
        });
        let raw = RawPod::new(serde_json::to_vec(&pod).unwrap());
        let decoded = Arc::new(raw.decode()?);
        let resolved = ResolvedPod::unresolved(UID.into(), PodKey::new("default", "web"), decoded, raw);
        let node = Arc::new(NodeFacts::default());
        let context = PodContext::new(Arc::new(Nothing), Arc::new(Nothing), node, tracing::Span::none());
        self.engine.create(Create::new(Arc::new(resolved), context, CancellationToken::new())).await.map(|_| ())
    }

    /// The pod's one container, as it was observed last.
    async fn state(&self) -> Option<(Stage, ContainerState)> {
        let uid = UID.into();
        let seen = self.engine.ask(|reply| super::Command::Recall { uid, reply }).await.unwrap()?;
        Some((seen.stage, seen.containers.into_iter().next()?.state))
    }

    async fn until(&self, what: &str, matches: impl Fn(&Option<(Stage, ContainerState)>) -> bool) {
        let wait = async {
            while !matches(&self.state().await) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(3600), wait).await;
        assert!(waited.is_ok(), "never {what}: {:?}", self.state().await);
    }

    async fn until_running(&self) {
        self.until("running", |state| matches!(state, Some((Stage::Active, ContainerState::Running { .. })))).await;
    }
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_is_down_refuses_calls_and_keeps_what_was_seen() {
    let world = World::start();
    world.engine.list(None).await.unwrap();
    world.create().await.unwrap();
    world.until_running().await;
    let before = world.state().await;
    world.set_down(true);
    assert_eq!(kind(world.engine.list(None).await), Some(ErrorKind::Unavailable));
    assert_eq!(kind(world.engine.lookup(World::target()).await), Some(ErrorKind::Unavailable));
    assert_eq!(kind(world.create().await), Some(ErrorKind::Unavailable));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(world.state().await, before);
    world.set_down(false);
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.create().await.unwrap();
    assert_eq!(world.state().await, before, "nothing was restarted");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_accepted_before_the_first_list() {
    let world = World::start();
    world.set_down(true);
    assert_eq!(kind(world.create().await), Some(ErrorKind::Unavailable));
    assert_eq!(kind(world.engine.remove(World::target()).await), Some(ErrorKind::Unavailable));
    let terminate = Terminate::new(World::target(), Duration::from_secs(1));
    assert_eq!(kind(world.engine.terminate(terminate).await), Some(ErrorKind::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_runtime_ends_that_call_and_nothing_else() {
    let world = World::start();
    world.faults.panics_on_create.store(true, Ordering::SeqCst);
    world.engine.list(None).await.unwrap();
    world.create().await.unwrap();
    world.until_running().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_given_up_and_the_runtime_asked_again() {
    let world = World::start();
    world.faults.hangs_on_create.store(true, Ordering::SeqCst);
    world.engine.list(None).await.unwrap();
    world.create().await.unwrap();
    world.until_running().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_an_outage_is_done_when_the_runtime_is_back() {
    let world = World::start();
    world.engine.list(None).await.unwrap();
    world.create().await.unwrap();
    world.until_running().await;
    world.set_down(true);
    world.engine.terminate(Terminate::new(World::target(), Duration::from_secs(30))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(matches!(world.state().await, Some((Stage::Stopping, ContainerState::Running { .. }))));
    assert_eq!(kind(world.engine.remove(World::target()).await), Some(ErrorKind::Unavailable));
    world.set_down(false);
    world.engine.remove(World::target()).await.unwrap();
    assert!(world.engine.lookup(World::target()).await.unwrap().pod.is_none());
    assert!(world.engine.list(None).await.unwrap().pods.is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_incarnation_of_the_runtime_that_knows_no_pod_says_nothing_of_them() {
    let world = World::start();
    world.engine.list(None).await.unwrap();
    world.create().await.unwrap();
    world.until_running().await;
    let before = world.state().await;
    world.faults.replaced.store(true, Ordering::SeqCst);
    let listing = world.engine.list(None).await.unwrap();
    assert_eq!((listing.pods.len(), listing.instance), (0, Some("memory-2".into())));
    let reply = world.engine.lookup(World::target()).await.unwrap();
    assert_eq!((reply.pod, reply.instance), (None, Some("memory-2".into())));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(world.state().await, before, "it runs where it was begun, for all that is known");
    world.faults.replaced.store(false, Ordering::SeqCst);
    assert_eq!(world.engine.list(None).await.unwrap().pods.len(), 1);
    assert_eq!(world.state().await, before);
    assert_eq!(world.faults.starts.load(Ordering::SeqCst), 1, "it was started once");
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_which_nothing_was_begun_is_made_by_the_incarnation_that_answers() {
    let world = World::start();
    world.engine.list(None).await.unwrap();
    world.set_down(true);
    let created = world.create().await;
    assert!(created.is_ok() || kind(created) == Some(ErrorKind::Unavailable));
    world.faults.replaced.store(true, Ordering::SeqCst);
    world.set_down(false);
    world.engine.list(None).await.unwrap();
    world.create().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.faults.starts.load(Ordering::SeqCst), 1);
}

//! One node on a real Docker engine: an engine, the cluster's data, and whatever was observed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::Docker;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use vk_core::resolve::{ConfigMapData, NodeFacts, SecretData};
use vk_core::resolved::SecretString;
use vk_core::{
    BackendEvent, ClusterId, ContainerObservation, ContainerState, PodKey, PodObservation, PodUid, RawPod, ResolvedPod,
    Stage, Target, Terminated,
};
use vk_pod_engine::PodEngine;
use vk_provider::{
    Adopt, ClusterData, ConfigDocument, Create, Data, DataRef, EventSink, LogReply, LogRequest, NodeContext,
    ObservationReceiver, ObservationSink, PodContext, Provider, Terminate,
};
use vk_provider_docker::{DockerFactory, DockerNode, DockerRuntime};

pub(crate) const IMAGE: &str = "localhost/vk-test-busybox:1";
/// Whatever has not happened by then will not happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on a world of its own; without an engine it says so and passes.
pub(crate) fn on_docker<F>(test: impl FnOnce(World) -> F)
where
    F: Future<Output = Result<()>>,
{
    on_configured_docker("", test);
}

/// The same, with a provider configuration.
pub(crate) fn on_configured_docker<F>(config: &str, test: impl FnOnce(World) -> F)
where
    F: Future<Output = Result<()>>,
{
    match std::env::var("DOCKER_HOST") {
        Ok(endpoint) => on_docker_at(&endpoint, config, test),
        Err(_) => eprintln!(
            "\n*** SKIPPED: DOCKER_HOST is not set, so the Docker provider was NOT tested against Docker ***\n"
        ),
    }
}

/// Runs a test on the engine at this endpoint, and removes what it has left there.
pub(crate) fn on_docker_at<F>(endpoint: &str, config: &str, test: impl FnOnce(World) -> F)
where
    F: Future<Output = Result<()>>,
{
    let run = || {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let world = World::open(endpoint, config).await?;
            let cleaner = world.cleaner();
            let outcome = AssertUnwindSafe(test(world)).catch_unwind().await;
            let cleaned = cleaner.clean().await;
            outcome.unwrap_or_else(|panic| resume_unwind(panic))?;
            cleaned
        })
    };
    if let Err(error) = run() {
        panic!("{error:?}");
    }
}

/// Everything that was observed, the newest of each pod.
struct Seen(watch::Sender<BTreeMap<PodUid, PodObservation>>);

impl ObservationReceiver for Seen {
    fn observe(&self, observation: PodObservation) {
        self.0.send_modify(|seen| {
            if let Some(known) = seen.get(&observation.uid) {
                assert!(known.revision <= observation.revision, "revisions grow");
            }
            seen.insert(observation.uid.clone(), observation);
        });
    }

    fn live(&self) {}
}

/// What the API server holds for the pods of a test.
#[derive(Default)]
pub(crate) struct Cluster {
    objects: Mutex<BTreeMap<DataRef, watch::Sender<Option<Data>>>>,
    /// Lifetime of tokens from now on.
    pub(crate) token_seconds: Arc<AtomicI64>,
    tokens: Arc<AtomicU64>,
}

impl Cluster {
    fn object(&self, reference: &DataRef) -> watch::Sender<Option<Data>> {
        self.objects.lock().entry(reference.clone()).or_insert_with(|| watch::Sender::new(None)).clone()
    }

    pub(crate) fn set_config_map(&self, name: &str, data: &[(&str, &str)]) {
        let text = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let data = Data::ConfigMap(Arc::new(ConfigMapData { text, ..ConfigMapData::default() }));
        self.object(&DataRef::ConfigMap(name.to_owned())).send_replace(Some(data));
    }

    pub(crate) fn set_secret(&self, name: &str, data: &[(&str, &str)]) {
        let values = data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec().into())).collect();
        let data = Data::Secret(Arc::new(SecretData { kind: "Opaque".to_owned(), values }));
        self.object(&DataRef::Secret(name.to_owned())).send_replace(Some(data));
    }

    fn answer(&self, reference: &DataRef) -> Option<Data> {
        match reference {
            DataRef::Services => Some(Data::Services(Arc::default())),
            DataRef::Token(_) => {
                let number = self.tokens.fetch_add(1, Ordering::SeqCst);
                Some(token(number, self.token_seconds.load(Ordering::SeqCst)))
            }
            other => self.object(other).borrow().clone(),
        }
    }

    /// A token now, and another one before it ends.
    fn follow_token(&self) -> BoxStream<'static, vk_core::Result<Option<Data>>> {
        let next = |(delay, seconds, tokens): (Duration, Arc<AtomicI64>, Arc<AtomicU64>)| async move {
            tokio::time::sleep(delay).await;
            let life = seconds.load(Ordering::SeqCst);
            let token = token(tokens.fetch_add(1, Ordering::SeqCst), life);
            let delay = Duration::from_secs(life.unsigned_abs()) * 4 / 5;
            Some((Ok(Some(token)), (delay, seconds, tokens)))
        };
        futures::stream::unfold((Duration::ZERO, self.token_seconds.clone(), self.tokens.clone()), next).boxed()
    }
}

fn token(number: u64, seconds: i64) -> Data {
    let expires_at = Timestamp::now() + SignedDuration::from_secs(seconds);
    Data::Token { token: SecretString::new(format!("token-{number}")), expires_at }
}

impl ClusterData for Cluster {
    fn get(&self, reference: DataRef) -> BoxFuture<'_, vk_core::Result<Option<Data>>> {
        futures::future::ready(Ok(self.answer(&reference))).boxed()
    }

    fn changes(&self, reference: DataRef) -> BoxStream<'static, vk_core::Result<Option<Data>>> {
        if let DataRef::Token(_) = reference {
            return self.follow_token();
        }
        if let DataRef::Services = reference {
            let first = futures::stream::iter([Ok(self.answer(&reference))]);
            return first.chain(futures::stream::pending()).boxed();
        }
        let mut receiver = self.object(&reference).subscribe();
        receiver.mark_changed();
        futures::stream::unfold(receiver, |mut receiver| async {
            receiver.changed().await.ok()?;
            let answer = receiver.borrow_and_update().clone();
            Some((Ok(answer), receiver))
        })
        .boxed()
    }
}

/// The Events of one pod.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<BackendEvent>>);

impl EventSink for Events {
    fn record(&self, event: BackendEvent) {
        self.0.lock().push(event);
    }
}

impl Events {
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.0.lock().iter().map(|event| event.reason.clone()).collect()
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().iter().map(|event| format!("{} {}\n", event.reason, event.message)).collect()
    }
}

/// A pod of a test.
#[derive(Clone)]
pub(crate) struct TestPod {
    pub(crate) uid: PodUid,
    pub(crate) key: PodKey,
    pub(crate) json: Value,
    pub(crate) events: Arc<Events>,
}

impl TestPod {
    pub(crate) fn target(&self) -> Target {
        Target::new(self.uid.clone(), self.key.clone())
    }

    fn resolved(&self) -> Result<Arc<ResolvedPod>> {
        let raw = RawPod::new(serde_json::to_vec(&self.json)?);
        let pod: Pod = raw.decode()?;
        Ok(Arc::new(ResolvedPod::unresolved(self.uid.clone(), self.key.clone(), Arc::new(pod), raw)))
    }
}

/// Removes what a test has left in Docker.
pub(crate) struct Cleaner {
    docker: Docker,
    node: String,
    state: Arc<tempfile::TempDir>,
}

impl Cleaner {
    /// The agent has been told to end; what it was just doing may still arrive.
    async fn clean(&self) -> Result<()> {
        let mut empty = 0;
        while empty < 3 {
            let left = self.containers().await?;
            empty = if left.is_empty() { empty + 1 } else { 0 };
            for id in left {
                let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                let _ = self.docker.remove_container(&id, Some(options)).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        unmount_below(self.state.path())
    }

    async fn containers(&self) -> Result<Vec<String>> {
        let filters = [("label".to_owned(), vec![format!("virtual-kubelet.io/node={}", self.node)])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = self.docker.list_containers(Some(options)).await?;
        Ok(listed.into_iter().filter_map(|container| container.id).collect())
    }
}

pub(crate) struct World {
    pub(crate) engine: PodEngine<DockerRuntime>,
    pub(crate) node: DockerNode,
    pub(crate) docker: Docker,
    pub(crate) cluster: Arc<Cluster>,
    seen: watch::Receiver<BTreeMap<PodUid, PodObservation>>,
    context: NodeContext,
    config: String,
    state: Arc<tempfile::TempDir>,
    pods: AtomicU64,
    /// Ends the agent.
    life: DropGuard,
}

impl World {
    async fn open(endpoint: &str, config: &str) -> Result<Self> {
        let docker = Docker::connect_with_host(endpoint)?.negotiate_version().await;
        let docker = docker.with_context(|| format!("Docker does not answer at {endpoint}"))?;
        import_busybox(&docker).await?;
        let state = Arc::new(tempfile::tempdir()?);
        static NODES: AtomicU64 = AtomicU64::new(0);
        let node_name = format!("node-{}-{}", std::process::id(), NODES.fetch_add(1, Ordering::SeqCst));
        let context = NodeContext::new(ClusterId::from("test-cluster"), node_name, state.path());
        let cluster = Arc::new(Cluster::default());
        cluster.token_seconds.store(3600, Ordering::SeqCst);
        Self::start(docker, cluster, context, config.to_owned(), state).await
    }

    async fn start(
        docker: Docker,
        cluster: Arc<Cluster>,
        mut context: NodeContext,
        config: String,
        state: Arc<tempfile::TempDir>,
    ) -> Result<Self> {
        context.shutdown = CancellationToken::new();
        let (engine, node) = DockerFactory::open_engine(&ConfigDocument::new(None, config.clone()), &context)?;
        let (sender, seen) = watch::channel(BTreeMap::new());
        let watching = engine.clone();
        let sink = ObservationSink::new(Arc::new(Seen(sender)));
        tokio::spawn(async move { watching.watch(sink).await });
        let life = context.shutdown.clone().drop_guard();
        Ok(Self { engine, node, docker, cluster, seen, context, config, state, pods: AtomicU64::new(0), life })
    }

    fn cleaner(&self) -> Cleaner {
        let (docker, node) = (self.docker.clone(), self.context.node_name.clone());
        Cleaner { docker, node, state: Arc::clone(&self.state) }
    }

    /// The agent dies and another one starts: nothing but the state directory and Docker remain.
    pub(crate) async fn restart_agent(self) -> Result<Self> {
        let Self { docker, cluster, context, config, state, pods, life, .. } = self;
        drop(life);
        let world = Self::start(docker, cluster, context, config, state).await?;
        Ok(Self { pods, ..world })
    }

    /// What the end of the agent waits for.
    pub(crate) async fn last_tasks(&self) -> Result<()> {
        self.context.last_tasks.close();
        Ok(tokio::time::timeout(NodeContext::LAST_TASKS_WITHIN, self.context.last_tasks.wait()).await?)
    }

    pub(crate) fn state_dir(&self) -> &Path {
        self.state.path()
    }

    /// Directories that the pod's volumes lie in, of those that are there.
    pub(crate) fn volume_dirs(&self, pod: &TestPod) -> Vec<PathBuf> {
        let volumes = self.state_dir().join("volumes");
        let directories = ["pods", "files"].map(|kind| volumes.join(kind).join(pod.uid.as_str()));
        directories.into_iter().filter(|directory| directory.exists()).collect()
    }

    /// A pod with this spec; a container without image gets the tests' own.
    pub(crate) fn pod(&self, mut spec: Value) -> TestPod {
        for list in ["initContainers", "containers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                if container.get("image").is_none() {
                    container["image"] = json!(IMAGE);
                }
            }
        }
        let number = self.pods.fetch_add(1, Ordering::SeqCst);
        let name = format!("pod-{number}");
        let uid = format!("{}-{name}", self.context.node_name);
        let metadata = json!({"name": name, "namespace": "default", "uid": uid, "labels": {"app": "test"}});
        TestPod {
            uid: PodUid::from(uid),
            key: PodKey::new("default", name),
            json: json!({"metadata": metadata, "spec": spec}),
            events: Arc::default(),
        }
    }

    fn context_of(&self, pod: &TestPod) -> PodContext {
        let node = NodeFacts {
            name: self.context.node_name.clone(),
            host_ips: vec![std::net::IpAddr::from([10, 9, 8, 7])],
            ..NodeFacts::default()
        };
        let cluster: Arc<dyn ClusterData> = self.cluster.clone();
        PodContext::new(cluster, pod.events.clone(), Arc::new(node), tracing::Span::none())
    }

    /// Hands a pod over as the core does: support table, admission, creation.
    pub(crate) async fn create(&self, pod: &TestPod) -> Result<()> {
        let resolved = pod.resolved()?;
        let refused = self.engine.describe().support.check(&pod.json);
        if let Some(field) = refused.into_iter().next() {
            bail!("unsupported {field}");
        }
        self.engine.admit(&resolved).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.try_create(pod).await {
                Err(error)
                    if error.kind == vk_core::ErrorKind::Unavailable && tokio::time::Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                result => return Ok(result?),
            }
        }
    }

    /// One attempt at creating a pod.
    pub(crate) async fn try_create(&self, pod: &TestPod) -> vk_core::Result<()> {
        let resolved = pod.resolved().map_err(|error| vk_core::Error::internal(error.to_string()))?;
        let create = Create::new(resolved, self.context_of(pod), CancellationToken::new());
        self.engine.create(create).await.map(|_| ())
    }

    /// Creates a pod with this spec.
    pub(crate) async fn run(&self, spec: Value) -> Result<TestPod> {
        let pod = self.pod(spec);
        self.create(&pod).await?;
        Ok(pod)
    }

    pub(crate) async fn adopt(&self, pod: &TestPod) -> Result<()> {
        Ok(self.engine.adopt(Adopt::new(pod.target(), pod.resolved()?, self.context_of(pod))).await?)
    }

    pub(crate) async fn terminate(&self, pod: &TestPod, grace: u64) -> Result<()> {
        self.engine.terminate(Terminate::new(pod.target(), Duration::from_secs(grace))).await?;
        Ok(())
    }

    /// Waits until the pod is observed like this.
    pub(crate) async fn until(
        &self,
        pod: &TestPod,
        what: &str,
        matches: impl Fn(&PodObservation) -> bool,
    ) -> Result<PodObservation> {
        let mut seen = self.seen.clone();
        let found = seen.wait_for(|seen| seen.get(&pod.uid).is_some_and(&matches));
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(Ok(seen)) => Ok(seen[&pod.uid].clone()),
            _ => {
                let last = self.seen.borrow().get(&pod.uid).cloned();
                bail!("never saw {what}; last: {last:#?}\nevents:\n{}", pod.events.text())
            }
        }
    }

    pub(crate) async fn until_running(&self, pod: &TestPod) -> Result<PodObservation> {
        let runs = |container: &ContainerObservation| {
            matches!(container.state, ContainerState::Running { .. }) || container.kind == vk_core::ContainerKind::Init
        };
        self.until(pod, "all containers running", |seen| {
            seen.stage == Stage::Active && !seen.containers.is_empty() && seen.containers.iter().all(runs)
        })
        .await
    }

    pub(crate) async fn until_stopped(&self, pod: &TestPod) -> Result<PodObservation> {
        self.until(pod, "the pod stopped", |seen| seen.stage == Stage::Stopped).await
    }

    pub(crate) async fn until_waiting(&self, pod: &TestPod, container: &str, wanted: &str) -> Result<PodObservation> {
        self.until(pod, wanted, |seen| {
            find(seen, container)
                .is_some_and(|found| matches!(&found.state, ContainerState::Waiting { reason, .. } if reason == wanted))
        })
        .await
    }

    /// Runs a script to its end in a pod of its own and answers what it wrote.
    pub(crate) async fn output(&self, spec: Value) -> Result<String> {
        let pod = self.run(spec).await?;
        self.until_stopped(&pod).await?;
        self.log(&pod, |_| {}).await
    }

    /// The log of the pod's container `main`, or of another one that `adjust` names.
    pub(crate) async fn log(&self, pod: &TestPod, adjust: impl FnOnce(&mut LogRequest)) -> Result<String> {
        let mut request = LogRequest::new(pod.target(), "main");
        adjust(&mut request);
        let logs = self.engine.describe().interfaces.logs.clone().context("the provider has logs")?;
        match logs.open(request).await? {
            LogReply::Stream(stream) => {
                let pieces: Vec<_> = tokio::time::timeout(PATIENCE, stream.try_collect()).await??;
                Ok(String::from_utf8(pieces.concat())?)
            }
            LogReply::Snapshot(_) => bail!("Docker streams its logs"),
        }
    }

    /// Waits until something outside of the observations is so.
    pub(crate) async fn eventually<F>(&self, what: &str, mut check: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = bool>,
    {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !check().await {
            if tokio::time::Instant::now() > deadline {
                bail!("never happened: {what}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Names of the containers that Docker holds of this node.
    pub(crate) async fn containers(&self) -> Result<Vec<String>> {
        let filters =
            [("label".to_owned(), vec![format!("virtual-kubelet.io/node={}", self.context.node_name)])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = self.docker.list_containers(Some(options)).await?;
        Ok(listed.into_iter().filter_map(|container| container.names?.into_iter().next()).collect())
    }
}

/// Mount points below a directory, the innermost first.
pub(crate) fn mounts_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let points = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    Ok(points.filter(|point| point.starts_with(directory)).collect())
}

/// Takes down what would keep a directory from being removed.
pub(crate) fn unmount_below(directory: &Path) -> Result<()> {
    for point in mounts_below(directory)? {
        nix::mount::umount2(&point, nix::mount::MntFlags::MNT_DETACH)?;
    }
    Ok(())
}

/// A container named `main` that runs a script.
pub(crate) fn script(text: &str) -> Value {
    json!({"name": "main", "command": ["sh", "-c", text]})
}

/// A pod that runs a script once.
pub(crate) fn once(text: &str) -> Value {
    json!({"restartPolicy": "Never", "containers": [script(text)]})
}

pub(crate) fn find<'a>(seen: &'a PodObservation, container: &str) -> Option<&'a ContainerObservation> {
    seen.containers.iter().find(|found| found.name == container)
}

/// How a container ended.
pub(crate) fn ended(seen: &PodObservation, container: &str) -> Terminated {
    match find(seen, container).map(|found| &found.state) {
        Some(ContainerState::Terminated(ended)) => ended.clone(),
        other => panic!("{container} has not ended: {other:?}"),
    }
}

/// Makes the tests' image of the statically linked busybox of this machine.
async fn import_busybox(docker: &Docker) -> Result<()> {
    if docker.inspect_image(IMAGE).await.is_ok() {
        return Ok(());
    }
    let program = std::fs::read("/bin/busybox").context("install the package busybox-static")?;
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, "bin/busybox", program.as_slice())?;
    for name in [
        "sh", "sleep", "cat", "echo", "nc", "wget", "httpd", "id", "env", "kill", "touch", "true", "false", "ls",
        "stat", "dd", "tail", "hostname", "mkdir", "readlink", "head", "seq", "date",
    ] {
        let mut link = tar::Header::new_ustar();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        archive.append_link(&mut link, format!("bin/{name}"), "busybox")?;
    }
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo("localhost/vk-test-busybox")
        .tag("1")
        .changes(vec!["ENV PATH=/bin".to_owned(), "CMD [\"sh\"]".to_owned()])
        .build();
    let body = bollard::body_full(archive.into_inner()?.into());
    docker.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>().await?;
    Ok(())
}

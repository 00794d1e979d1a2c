//! A node whose kubelet API is up, with fakes behind it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vk_core::{ContainerKind, ContainerState, Error, ErrorKind, PodKey, PodUid, RawPod, Result, Target, Terminated};
use vk_kubelet_api::{
    Attributes, AuthenticationError, AuthorizationError, Authorizer, BearerToken, ContainerEntry, Decision, Drained,
    HealthCheck, KubeletApi, Limits, NodeServices, Options, PodEntry, PodSource, RunningPod, Settings, StartError,
    TokenAuthenticator, UserInfo, Verb, WallClock,
};
use vk_provider::{
    Attach, AttachRequest, BoxDuplex, Exec, ExecRequest, Exit, Interfaces, LogReply, LogRequest, Logs, PortForward,
    PortForwardRequest, Streams,
};

use crate::client::{Client, Connector, Protocol};
use crate::pki::{Authority, Identity};
use crate::statistics::{FakeMetrics, FakeStats};

/// Path of the log of the one container that runs.
pub(crate) const LOG: &str = "/containerLogs/default/web/app";

/// `admin` may do everything, `reader` may only `get`; every question is recorded.
#[derive(Default)]
pub(crate) struct FakeAuthorizer {
    pub(crate) asked: Mutex<Vec<(UserInfo, Attributes)>>,
}

impl FakeAuthorizer {
    pub(crate) fn questions(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.iter().map(|(user, a)| format!("{} {} nodes/{} {}", user.name, a.verb, a.subresource, a.node)).collect()
    }
}

impl Authorizer for FakeAuthorizer {
    fn authorize<'a>(
        &'a self,
        user: &'a UserInfo,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, std::result::Result<Decision, AuthorizationError>> {
        self.asked.lock().push((user.clone(), attributes.clone()));
        let denied = || Ok(Decision::Denied { reason: "no rule".to_owned() });
        let decision = match (user.name.as_str(), attributes.verb) {
            ("admin" | "system:anonymous", _) | ("reader", Verb::Get) => Ok(Decision::Allowed),
            ("scraper", Verb::Get) if attributes.subresource == "pods" => Ok(Decision::Allowed),
            ("unlucky", _) => Err(AuthorizationError("secret inner workings".to_owned())),
            ("patient", _) => return std::future::pending().boxed(),
            _ => denied(),
        };
        std::future::ready(decision).boxed()
    }
}

/// Takes `token-of-NAME` for a token of that user; every token is recorded.
#[derive(Default)]
pub(crate) struct FakeTokens {
    pub(crate) seen: Mutex<Vec<String>>,
}

impl TokenAuthenticator for FakeTokens {
    fn authenticate<'a>(
        &'a self,
        token: &'a BearerToken,
    ) -> BoxFuture<'a, std::result::Result<Option<UserInfo>, AuthenticationError>> {
        self.seen.lock().push(token.as_str().to_owned());
        match token.as_str() {
            "no-answer" => std::future::pending().boxed(),
            "trouble" => std::future::ready(Err(AuthenticationError("secret inner workings".to_owned()))).boxed(),
            text => {
                let user = text.strip_prefix("token-of-").map(|name| UserInfo::authenticated(name, []));
                std::future::ready(Ok(user)).boxed()
            }
        }
    }
}

type Answer = Box<dyn Fn(LogRequest) -> BoxFuture<'static, Result<LogReply>> + Send + Sync>;

/// Answers as it was last told to.
pub(crate) struct FakeLogs {
    answer: Mutex<Arc<Answer>>,
    pub(crate) asked: Mutex<Vec<LogRequest>>,
}

impl FakeLogs {
    pub(crate) fn answer_with(
        &self,
        answer: impl Fn(LogRequest) -> BoxFuture<'static, Result<LogReply>> + Send + Sync + 'static,
    ) {
        *self.answer.lock() = Arc::new(Box::new(answer));
    }

    /// Answers with this stream, once.
    pub(crate) fn stream(&self, content: impl futures::Stream<Item = Result<bytes::Bytes>> + Send + 'static) {
        let content = Mutex::new(Some(content.boxed()));
        self.answer_with(move |_| {
            let content = content.lock().take().expect("the log was opened twice");
            std::future::ready(Ok(LogReply::Stream(content))).boxed()
        });
    }

    pub(crate) fn snapshot(&self, content: &'static str) {
        self.answer_with(move |_| std::future::ready(Ok(LogReply::Snapshot(content.into()))).boxed());
    }
}

impl Logs for FakeLogs {
    fn open(&self, request: LogRequest) -> BoxFuture<'_, Result<LogReply>> {
        self.asked.lock().push(request.clone());
        let answer = self.answer.lock().clone();
        answer(request)
    }
}

/// Runs `cat`, `say WORD`, `exit CODE`, `hang` and, for whoever attaches, a process that says its container's name and ends.
struct FakeExec {
    /// Told when `hang` has been dropped.
    hung_up: Arc<Notify>,
}

struct Bell(Arc<Notify>);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Every port but 81 and 82 echoes: on 81 nobody listens, 82 hangs.
struct FakePortForward {
    forwarded: Arc<Mutex<Vec<String>>>,
}

impl PortForward for FakePortForward {
    fn connect(&self, request: PortForwardRequest) -> BoxFuture<'_, Result<BoxDuplex>> {
        let PortForwardRequest { target, port, .. } = request;
        async move {
            match port {
                81 => return Err(Error::new(ErrorKind::Conflict, "connection refused")),
                82 => std::future::pending().await,
                _ => self.forwarded.lock().push(format!("{} {} {port}", target.key, target.uid)),
            }
            let (near, far) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                let (mut input, mut output) = tokio::io::split(far);
                drop(tokio::io::copy(&mut input, &mut output).await);
            });
            Ok(Box::new(near) as BoxDuplex)
        }
        .boxed()
    }
}

impl Exec for FakeExec {
    fn exec(&self, request: ExecRequest, mut streams: Streams) -> BoxFuture<'_, Result<Exit>> {
        async move {
            match request.command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["cat"] => {
                    let (mut stdin, mut stdout) = (streams.stdin.take().unwrap(), streams.stdout.take().unwrap());
                    tokio::io::copy(&mut stdin, &mut stdout).await.unwrap();
                    Ok(Exit::Code(0))
                }
                ["say", word] => {
                    let outputs = [(streams.stdout.take(), "stdout"), (streams.stderr.take(), "stderr")];
                    for (output, name) in outputs {
                        output.unwrap().write_all(format!("{word} on {name}").as_bytes()).await.unwrap();
                    }
                    Ok(Exit::Code(0))
                }
                ["hang"] => {
                    let _bell = Bell(self.hung_up.clone());
                    std::future::pending().await
                }
                ["exit", code] => Ok(Exit::Code(code.parse().unwrap())),
                _ => Err(Error::unresolved("command", "no such program")),
            }
        }
        .boxed()
    }
}

impl Attach for FakeExec {
    fn attach(&self, request: AttachRequest, mut streams: Streams) -> BoxFuture<'_, Result<Exit>> {
        async move {
            let mut stdout = streams.stdout.take().unwrap();
            stdout.write_all(request.container.as_bytes()).await.unwrap();
            Ok(Exit::Unknown)
        }
        .boxed()
    }
}

/// One pod, `default/web`.
pub(crate) struct FakePods {
    pub(crate) containers: Mutex<Vec<ContainerEntry>>,
    pub(crate) list: Mutex<Vec<Result<RawPod>>>,
    pub(crate) running: Mutex<Vec<RunningPod>>,
}

fn running(name: &str) -> ContainerEntry {
    ContainerEntry::new(name, ContainerKind::App).with_status(ContainerState::Running { started_at: None }, None)
}

impl FakePods {
    fn new() -> Self {
        let waiting = |name: &str, last| {
            let state = ContainerState::waiting("CrashLoopBackOff", "");
            ContainerEntry::new(name, ContainerKind::App).with_status(state, last)
        };
        let containers = vec![
            running("app"),
            waiting("starting", None),
            waiting("crashing", Some(Terminated::with_exit_code(1))),
            ContainerEntry::new("setup", ContainerKind::Init),
        ];
        Self { containers: Mutex::new(containers), list: Mutex::default(), running: Mutex::default() }
    }
}

impl PodSource for FakePods {
    fn find(&self, key: PodKey) -> BoxFuture<'_, Result<Option<PodEntry>>> {
        let found = (key == PodKey::new("default", "web"))
            .then(|| PodEntry::new(Target::new(PodUid::from("uid-1"), key), self.containers.lock().clone()));
        std::future::ready(Ok(found)).boxed()
    }

    fn list(&self) -> BoxStream<'static, Result<RawPod>> {
        stream::iter(self.list.lock().clone()).boxed()
    }

    fn running(&self) -> BoxFuture<'_, Result<Vec<RunningPod>>> {
        std::future::ready(Ok(self.running.lock().clone())).boxed()
    }
}

pub(crate) struct FakeCheck(pub(crate) Mutex<std::result::Result<(), String>>);

impl HealthCheck for FakeCheck {
    fn name(&self) -> &str {
        "provider"
    }

    fn check(&self) -> BoxFuture<'_, std::result::Result<(), String>> {
        std::future::ready(self.0.lock().clone()).boxed()
    }
}

/// What is behind the API.
pub(crate) struct Fakes {
    pub(crate) authorizer: Arc<FakeAuthorizer>,
    pub(crate) tokens: Arc<FakeTokens>,
    pub(crate) logs: Arc<FakeLogs>,
    pub(crate) pods: Arc<FakePods>,
    pub(crate) health: Arc<FakeCheck>,
    /// Connections that were made, by pod, UID and port.
    pub(crate) forwarded: Arc<Mutex<Vec<String>>>,
    /// Told when a command that hangs has been dropped.
    pub(crate) hung_up: Arc<Notify>,
    pub(crate) stats: Arc<FakeStats>,
    pub(crate) metrics: Arc<FakeMetrics>,
    /// Added to the real time.
    pub(crate) clock_offset: Arc<Mutex<jiff::Span>>,
}

impl Fakes {
    fn new() -> Self {
        let empty: Answer = Box::new(|_| std::future::ready(Ok(LogReply::Snapshot(bytes::Bytes::new()))).boxed());
        Self {
            authorizer: Arc::default(),
            tokens: Arc::default(),
            logs: Arc::new(FakeLogs { answer: Mutex::new(Arc::new(empty)), asked: Mutex::default() }),
            pods: Arc::new(FakePods::new()),
            health: Arc::new(FakeCheck(Mutex::new(Ok(())))),
            forwarded: Arc::default(),
            hung_up: Arc::default(),
            stats: Arc::default(),
            metrics: Arc::default(),
            clock_offset: Arc::default(),
        }
    }

    fn services(&self, interfaces: Interfaces) -> NodeServices {
        let offset = self.clock_offset.clone();
        let clock = WallClock::new(move || Timestamp::now().checked_add(*offset.lock()).unwrap());
        NodeServices::new("virtual-1", self.pods.clone(), interfaces, self.authorizer.clone(), clock)
            .with_health_check(self.health.clone())
            .with_metrics(self.metrics.clone())
            .with_configuration(serde_json::Map::from_iter([("clusterDomain".to_owned(), "cluster.local".into())]))
            .with_token_authenticator(self.tokens.clone())
    }
}

/// The files of a server, and who signed what is in them.
pub(crate) struct Files {
    pub(crate) dir: TempDir,
    pub(crate) server_authority: Authority,
    pub(crate) client_authority: Authority,
}

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self {
            dir: TempDir::new().unwrap(),
            server_authority: Authority::new("server authority"),
            client_authority: Authority::new("client authority"),
        };
        files.write_serving(&files.server_authority.server());
        files.write("ca.crt", &files.client_authority.pem());
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn write_serving(&self, identity: &Identity) {
        self.write("tls.key", &identity.key_pem());
        self.write("tls.crt", identity.certificate_pem());
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new(([127, 0, 0, 1], 0).into());
        options.certificate = Some(self.path("tls.crt"));
        options.key = Some(self.path("tls.key"));
        options.client_ca = Some(self.path("ca.crt"));
        options
    }
}

/// Builds a [`Kubelet`].
pub(crate) struct Setup {
    pub(crate) files: Files,
    pub(crate) options: Options,
    pub(crate) without_interfaces: bool,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let files = Files::new();
        let options = files.options();
        Self { files, options, without_interfaces: false }
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.options.limits);
        self
    }

    pub(crate) fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    pub(crate) async fn bind(&self) -> std::result::Result<(KubeletApi, Fakes), StartError> {
        let fakes = Fakes::new();
        let mut interfaces = Interfaces::default();
        if !self.without_interfaces {
            interfaces.logs = Some(fakes.logs.clone());
            let exec = Arc::new(FakeExec { hung_up: fakes.hung_up.clone() });
            interfaces.exec = Some(exec.clone());
            interfaces.attach = Some(exec);
            interfaces.port_forward = Some(Arc::new(FakePortForward { forwarded: fakes.forwarded.clone() }));
            interfaces.stats = Some(fakes.stats.clone());
            interfaces.probes = Some(fakes.stats.clone());
        }
        let settings = Settings::try_from(self.options.clone()).unwrap();
        let api = KubeletApi::bind(settings, fakes.services(interfaces)).await?;
        Ok((api, fakes))
    }

    pub(crate) async fn start(self) -> Kubelet {
        let (api, fakes) = self.bind().await.unwrap();
        let address = api.local_addr();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(api.run(shutdown.clone()));
        let admin = self.files.client_authority.client("admin");
        Kubelet { address, files: self.files, fakes, admin, shutdown, running }
    }
}

pub(crate) struct Kubelet {
    pub(crate) address: SocketAddr,
    pub(crate) files: Files,
    pub(crate) fakes: Fakes,
    pub(crate) admin: Identity,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<Drained>,
}

impl Kubelet {
    pub(crate) async fn start() -> Self {
        Setup::new().start().await
    }

    pub(crate) fn connector(&self, protocol: Protocol) -> Connector<'_> {
        Connector::new(self.address, &self.files.server_authority, protocol)
    }

    /// A client who may do everything.
    pub(crate) async fn admin(&self, protocol: Protocol) -> Client {
        self.connector(protocol).identity(&self.admin).connect().await.unwrap()
    }

    /// A client with a certificate of this user.
    pub(crate) async fn user(&self, user: &str, protocol: Protocol) -> Client {
        let identity = self.files.client_authority.client(user);
        self.connector(protocol).identity(&identity).connect().await.unwrap()
    }

    /// A client with these credentials gets no answer at all.
    pub(crate) async fn assert_turned_away(&self, identity: &Identity, protocol: Protocol) {
        let Ok(mut client) = self.connector(protocol).identity(identity).connect().await else { return };
        let answer = client.try_get("/healthz").await;
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(self.fakes.authorizer.questions(), [""; 0]);
    }
}

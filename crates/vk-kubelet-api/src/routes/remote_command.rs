//! `/exec` and `/attach`: from a request to a session on the upgraded connection.

pub(super) mod options;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use options::SessionOptions;
use tokio::time::timeout;
use vk_core::{ContainerState, PodKey, Target};
use vk_provider::{Attach, AttachRequest, Exec, ExecRequest, Exit, Streams, TerminalSize};
use vk_streaming::remote_command::{RemoteCommand, Resizes, serve};
use vk_streaming::{Outcome, Upgrade};

use super::Reply;
use super::route::SessionPath;
use crate::limits::Limits;
use crate::response::{Body, Refusal, full};
use crate::server::NodeServices;

/// Begins sessions.
pub(super) struct RemoteCommands<'a> {
    pub(super) node: &'a NodeServices,
    pub(super) limits: &'a Limits,
}

/// Runs what a session is for, on the provider.
type Run = Box<dyn FnOnce(Streams) -> BoxFuture<'static, vk_core::Result<Exit>> + Send>;

impl RemoteCommands<'_> {
    pub(super) async fn exec(&self, path: &SessionPath, query: &str, request: &mut Parts) -> Result<Reply, Refusal> {
        let options = SessionOptions::parse(query)?;
        if options.command.is_empty() {
            return Err(Refusal::bad_request("you must specify a command"));
        }
        let target = self.find(path).await?;
        let exec = self.node.interfaces.exec.clone().ok_or_else(|| missing("run commands in containers"))?;
        let mut wanted = ExecRequest::new(target, path.container.container.as_str(), options.command.clone());
        wanted.tty = options.wanted.tty;
        self.begin(request, &options, run_exec(exec, wanted))
    }

    pub(super) async fn attach(&self, path: &SessionPath, query: &str, request: &mut Parts) -> Result<Reply, Refusal> {
        let options = SessionOptions::parse(query)?;
        let target = self.find(path).await?;
        let attach = self.node.interfaces.attach.clone().ok_or_else(|| missing("attach to containers"))?;
        let mut wanted = AttachRequest::new(target, path.container.container.as_str());
        wanted.tty = options.wanted.tty;
        self.begin(request, &options, run_attach(attach, wanted))
    }

    /// The pod, if it has such a container and that runs.
    async fn find(&self, path: &SessionPath) -> Result<Target, Refusal> {
        let SessionPath { container: path, uid } = path;
        path.check().map_err(|invalid| Refusal::bad_request(invalid.to_string()))?;
        let key = PodKey::new(path.namespace.as_str(), path.pod.as_str());
        let found = timeout(self.limits.backend_timeout, self.node.pods.find(key)).await;
        let found = found.map_err(|_| Refusal::late("the pod source"))??;
        let is_meant = |target: &Target| uid.as_ref().is_none_or(|uid| target.uid.as_str() == uid);
        let pod = found.filter(|pod| is_meant(&pod.target));
        let pod = pod.ok_or_else(|| Refusal::not_found(format!("pod \"{}\" does not exist", path.pod)))?;
        // In the kubelet's words, and with its status: `kubectl` shows the text.
        let not_found = || {
            let message = format!("container not found (\"{}\")", path.container);
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        };
        let container = pod.container(&path.container).ok_or_else(not_found)?;
        match container.state {
            Some(ContainerState::Running { .. } | ContainerState::Unknown) => Ok(pod.target.clone()),
            _ => Err(not_found()),
        }
    }

    fn begin(&self, request: &mut Parts, options: &SessionOptions, run: Run) -> Result<Reply, Refusal> {
        if request.method != Method::GET && request.method != Method::POST {
            return Err(Refusal::method_not_allowed());
        }
        let upgrade = match Upgrade::negotiate(&request.method, &request.headers) {
            Ok(upgrade) => upgrade,
            Err(error) => {
                let mut refused = Refusal::new(error.status(), error.to_string()).into_response();
                refused.headers_mut().extend(error.headers());
                return Ok(Reply::Response(refused));
            }
        };
        // Only a connection of HTTP/1.1 has it.
        let on_upgrade = request.extensions.remove::<OnUpgrade>();
        let on_upgrade = on_upgrade.ok_or_else(|| Refusal::bad_request("unable to upgrade: HTTP/1.1 is needed"))?;
        let (protocol, wanted) = (upgrade.protocol(), options.wanted);
        let settings = vk_streaming::Settings {
            creation_timeout: self.limits.stream_creation_timeout,
            idle_timeout: self.limits.stream_idle_timeout,
            ..vk_streaming::Settings::default()
        };
        let session = async move {
            let io = match on_upgrade.await {
                Ok(upgraded) => TokioIo::new(upgraded),
                Err(error) => return tracing::debug!(%error, "a connection was not upgraded"),
            };
            let end = serve(io, protocol, wanted, &settings, |command| conclude(run(streams(command)))).await;
            tracing::debug!(?protocol, ?end, "a session of the kubelet API has ended");
        };
        let response: Response<()> = upgrade.response();
        Ok(Reply::Upgrade(response.map(|()| empty()), session.boxed()))
    }
}

fn run_exec(exec: Arc<dyn Exec>, request: ExecRequest) -> Run {
    Box::new(move |streams| async move { exec.exec(request, streams).await }.boxed())
}

fn run_attach(attach: Arc<dyn Attach>, request: AttachRequest) -> Run {
    Box::new(move |streams| async move { attach.attach(request, streams).await }.boxed())
}

async fn conclude(running: BoxFuture<'static, vk_core::Result<Exit>>) -> Outcome {
    match running.await {
        Ok(Exit::Code(code)) => Outcome::Exited(code),
        Ok(Exit::Unknown) => Outcome::Failed("the back end does not tell how it ended".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn streams(command: RemoteCommand) -> Streams {
    let RemoteCommand { stdin, stdout, stderr, resizes, .. } = command;
    let mut streams = Streams::default();
    streams.stdin = stdin.map(|stdin| Box::new(stdin) as _);
    streams.stdout = stdout.map(|stdout| Box::new(stdout) as _);
    streams.stderr = stderr.map(|stderr| Box::new(stderr) as _);
    streams.resizes = resizes.map(sizes);
    streams
}

fn sizes(resizes: Resizes) -> futures::stream::BoxStream<'static, TerminalSize> {
    let next = |mut resizes: Resizes| async move {
        let size = resizes.next().await?;
        Some((TerminalSize { width: size.width, height: size.height }, resizes))
    };
    Box::pin(futures::stream::unfold(resizes, next))
}

fn missing(what: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, format!("the provider of this virtual node cannot {what}"))
}

fn empty() -> Body {
    full("")
}

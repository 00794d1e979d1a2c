//! `/exec` and `/attach`: from a request to a session on the upgraded connection.

pub(super) mod options;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::request::Parts;
use options::SessionOptions;
use vk_provider::{Attach, AttachRequest, Exec, ExecRequest, Exit, Streams, TerminalSize};
use vk_streaming::remote_command::{RemoteCommand, Resizes, serve};
use vk_streaming::{Outcome, Upgrade};

use super::Reply;
use super::lookup::find_running;
use super::route::SessionPath;
use super::upgrade::{settings, upgrade};
use crate::limits::Limits;
use crate::response::Refusal;
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
        let target = find_running(self.node, self.limits, path).await?;
        let exec = self.node.interfaces.exec.clone().ok_or_else(|| Refusal::missing("run commands in containers"))?;
        let mut wanted = ExecRequest::new(target, path.container.container.as_str(), options.command.clone());
        wanted.tty = options.wanted.tty;
        self.begin(request, &options, run_exec(exec, wanted))
    }

    pub(super) async fn attach(&self, path: &SessionPath, query: &str, request: &mut Parts) -> Result<Reply, Refusal> {
        let options = SessionOptions::parse(query)?;
        let target = find_running(self.node, self.limits, path).await?;
        let attach = self.node.interfaces.attach.clone().ok_or_else(|| Refusal::missing("attach to containers"))?;
        let mut wanted = AttachRequest::new(target, path.container.container.as_str());
        wanted.tty = options.wanted.tty;
        self.begin(request, &options, run_attach(attach, wanted))
    }

    fn begin(&self, request: &mut Parts, options: &SessionOptions, run: Run) -> Result<Reply, Refusal> {
        let agreed = Upgrade::remote_command(&request.method, &request.headers);
        let (wanted, settings) = (options.wanted, settings(self.limits));
        upgrade(request, agreed, move |io, protocol| {
            async move {
                let handler = |command| conclude(run(streams(command)));
                let end = serve(io, protocol, wanted, &settings, handler).await;
                tracing::debug!(?protocol, ?end, "a session of the kubelet API has ended");
            }
            .boxed()
        })
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

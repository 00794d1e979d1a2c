//! Interactive sessions: a new command in a container, or the container's own process.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::{AttachContainerOptionsBuilder, ResizeContainerTTYOptionsBuilder};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use vk_core::{Error, Result};
use vk_pod_engine::runtime::{ContainerId, Program, SessionRequest};
use vk_provider::{Exit, Streams, TerminalSize};

use crate::connection::{error_of, read_error};

/// Output is handed on in pieces of up to this many bytes.
const PIECE: usize = 32 << 10;

/// The end of a command's output may come before Docker has noted how it ended.
const NOTED_AFTER: Duration = Duration::from_secs(2);

type Output = Pin<Box<dyn Stream<Item = std::result::Result<LogOutput, bollard::errors::Error>> + Send>>;
type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Joins the client's streams to the program until that ends. Dropped before, it closes the program's stdin; Docker has no
/// way to end a command that does not care.
pub(super) async fn run(docker: &Docker, id: &ContainerId, request: SessionRequest, streams: Streams) -> Result<Exit> {
    match request.program {
        Program::Command(command) => exec(docker, id, command, request.tty, streams).await,
        Program::OwnProcess => attach(docker, id, streams).await,
    }
}

async fn exec(docker: &Docker, id: &ContainerId, command: Vec<String>, tty: bool, streams: Streams) -> Result<Exit> {
    let options = CreateExecOptions {
        attach_stdin: Some(streams.stdin.is_some()),
        attach_stdout: Some(streams.stdout.is_some()),
        attach_stderr: Some(streams.stderr.is_some() || tty),
        tty: Some(tty),
        cmd: Some(command),
        ..CreateExecOptions::default()
    };
    let made = docker.create_exec(id.as_str(), options).await.map_err(error_of)?.id;
    let start = StartExecOptions { detach: false, tty, output_capacity: Some(PIECE) };
    let StartExecResults::Attached { output, input } = docker.start_exec(&made, Some(start)).await.map_err(error_of)?
    else {
        return Err(Error::internal("Docker has detached from the command"));
    };
    join(output, input, streams, |size| {
        let options = ResizeExecOptions { height: size.height, width: size.width };
        let made = &made;
        // A command that has ended has no terminal any more.
        async move { drop(docker.resize_exec(made, options).await) }
    })
    .await?;
    exit_of(docker, &made).await
}

async fn exit_of(docker: &Docker, exec: &str) -> Result<Exit> {
    let given_up = Instant::now() + NOTED_AFTER;
    loop {
        let ended = docker.inspect_exec(exec).await.map_err(read_error)?;
        match ended.exit_code {
            Some(code) if ended.running != Some(true) => {
                return Ok(Exit::Code(i32::try_from(code).unwrap_or(i32::MAX)));
            }
            _ if Instant::now() >= given_up => return Ok(Exit::Unknown),
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// How the container ends is told by its status, not here.
async fn attach(docker: &Docker, id: &ContainerId, streams: Streams) -> Result<Exit> {
    let options = AttachContainerOptionsBuilder::default()
        .stream(true)
        .stdin(streams.stdin.is_some())
        .stdout(streams.stdout.is_some())
        .stderr(streams.stderr.is_some())
        .build();
    let attached = docker.attach_container(id.as_str(), Some(options)).await.map_err(error_of)?;
    let AttachContainerResults { output, input } = attached;
    join(output, input, streams, |size| {
        let options = ResizeContainerTTYOptionsBuilder::default().h(size.height.into()).w(size.width.into()).build();
        async move { drop(docker.resize_container_tty(id.as_str(), options).await) }
    })
    .await?;
    Ok(Exit::Code(0))
}

/// Passes everything on until the program's output ends.
async fn join<R, Resized>(output: Output, input: Input, streams: Streams, resize: R) -> Result<()>
where
    R: Fn(TerminalSize) -> Resized,
    Resized: Future<Output = ()>,
{
    let Streams { stdin, stdout, stderr, resizes, .. } = streams;
    tokio::select! {
        biased;
        ended = pass_on_output(output, stdout, stderr) => ended,
        () = pass_on_input(stdin, input) => Ok(()),
        () = pass_on_sizes(resizes, resize) => Ok(()),
    }
}

async fn pass_on_output(
    mut output: Output,
    mut stdout: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    mut stderr: Option<Box<dyn AsyncWrite + Send + Unpin>>,
) -> Result<()> {
    while let Some(piece) = output.try_next().await.map_err(read_error)? {
        let to = if matches!(piece, LogOutput::StdErr { .. }) { &mut stderr } else { &mut stdout };
        // A client that has gone is noticed elsewhere; the program goes on until then.
        if let Some(writer) = to
            && writer.write_all(&piece.into_bytes()).await.is_err()
        {
            *to = None;
        }
    }
    Ok(())
}

/// Never returns: the end of the input is not that of the session.
async fn pass_on_input(stdin: Option<Box<dyn AsyncRead + Send + Unpin>>, mut input: Input) {
    if let Some(mut stdin) = stdin {
        // A program that has closed its stdin does not want the rest.
        drop(tokio::io::copy(&mut stdin, &mut input).await);
        drop(input.shutdown().await);
        return pending().await;
    }
    // Held, or Docker takes the half-closed connection for the client's end.
    let _held = input;
    pending().await
}

/// Never returns either.
async fn pass_on_sizes<R, Resized>(resizes: Option<BoxStream<'static, TerminalSize>>, resize: R)
where
    R: Fn(TerminalSize) -> Resized,
    Resized: Future<Output = ()>,
{
    if let Some(mut resizes) = resizes {
        while let Some(size) = resizes.next().await {
            resize(size).await;
        }
    }
    pending().await
}

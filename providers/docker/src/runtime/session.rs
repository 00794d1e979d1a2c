//! Interactive sessions: a new command in a container, or the container's own process.

use std::future::pending;
use std::time::Duration;

use bollard::Docker;
use bollard::exec::ResizeExecOptions;
use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeContainerTTYOptionsBuilder;
use form_urlencoded::byte_serialize;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use vk_core::{Error, Result};
use vk_pod_engine::runtime::{ContainerId, Program};
use vk_provider::{Exit, Streams, TerminalSize};

use super::exit_code::exit_code;
use super::hang_up::HangUp;
use crate::connection::{Connection, Hijacked, error_of, read_error};
use crate::output::{Layout, Output, Piece};

/// Docker takes a terminal's detach keys out of what is typed and holds their first back until the next key; they cannot be
/// turned off. By default they are Ctrl-P Ctrl-Q. Nobody types these, and few need the first, Ctrl-^.
const DETACH_KEYS: &str = "ctrl-^,ctrl-@,ctrl-^,ctrl-_,ctrl-^,ctrl-@,ctrl-^,ctrl-_";

/// A client with a terminal tells its size at once, or never.
const SIZE_WITHIN: Duration = Duration::from_millis(500);

/// Joins the client's streams to the program until that ends. Dropped before, it ends a command; the container's own process
/// goes on.
pub(super) async fn run(
    connection: &Connection,
    id: &ContainerId,
    program: Program,
    streams: Streams,
    last_tasks: &TaskTracker,
) -> Result<Exit> {
    let docker = connection.docker().await?;
    match program {
        Program::Command { command, tty } => exec(connection, &docker, id, command, tty, streams, last_tasks).await,
        Program::OwnProcess => attach(connection, &docker, id, streams).await,
    }
}

async fn exec(
    connection: &Connection,
    docker: &Docker,
    id: &ContainerId,
    command: Vec<String>,
    tty: bool,
    mut streams: Streams,
    last_tasks: &TaskTracker,
) -> Result<Exit> {
    let size = if tty { first_size(&mut streams).await } else { None };
    let made = docker.create_exec(id.as_str(), exec_config(command, tty, size, &streams)).await.map_err(error_of)?.id;
    let hang_up = HangUp::new(docker, id, &made, last_tasks);
    let start = json!({ "Detach": false, "Tty": tty });
    let hijacked = connection.hijack(&format!("/exec/{made}/start"), &start, Layout::of_terminal(tty)).await?;
    join(hijacked, streams, |size| {
        let options = ResizeExecOptions { height: size.height, width: size.width };
        let made = &made;
        // A command that has ended has no terminal any more.
        async move { drop(docker.resize_exec(made, options).await) }
    })
    .await?;
    let exit = exit_code(docker, &made).await;
    hang_up.disarm();
    Ok(exit?.map_or(Exit::Unknown, |code| Exit::Code(i32::try_from(code).unwrap_or(i32::MAX))))
}

fn exec_config(command: Vec<String>, tty: bool, size: Option<TerminalSize>, streams: &Streams) -> ExecConfig {
    ExecConfig {
        attach_stdin: Some(streams.stdin.is_some()),
        attach_stdout: Some(streams.stdout.is_some()),
        attach_stderr: Some(streams.stderr.is_some() || tty),
        tty: Some(tty),
        detach_keys: Some(DETACH_KEYS.to_owned()),
        // From API 1.42 on a command finds its terminal as large as it is. Before that it may look too early.
        console_size: size.map(|size| vec![size.height.into(), size.width.into()]),
        cmd: Some(command),
        ..ExecConfig::default()
    }
}

/// The size that the client's terminal has from the beginning. It stays the first of its sizes.
async fn first_size(streams: &mut Streams) -> Option<TerminalSize> {
    let mut sizes = streams.resizes.take()?;
    let first = timeout(SIZE_WITHIN, sizes.next()).await.ok().flatten();
    streams.resizes = Some(stream::iter(first).chain(sizes).boxed());
    first
}

/// How the container ends is told by its status, not here.
async fn attach(connection: &Connection, docker: &Docker, id: &ContainerId, streams: Streams) -> Result<Exit> {
    let found = docker.inspect_container(id.as_str(), None).await.map_err(read_error)?;
    // The container's terminal counts, not the client's.
    let layout = Layout::of_terminal(found.config.and_then(|config| config.tty).unwrap_or(false));
    let wanted = |wanted| if wanted { 1 } else { 0 };
    let path = format!(
        "/containers/{id}/attach?stream=1&detachKeys={}&stdin={}&stdout={}&stderr={}",
        byte_serialize(DETACH_KEYS.as_bytes()).collect::<String>(),
        wanted(streams.stdin.is_some()),
        wanted(streams.stdout.is_some()),
        wanted(streams.stderr.is_some())
    );
    let hijacked = connection.hijack(&path, &json!({}), layout).await?;
    join(hijacked, streams, |size| {
        let options = ResizeContainerTTYOptionsBuilder::default().h(size.height.into()).w(size.width.into()).build();
        async move { drop(docker.resize_container_tty(id.as_str(), options).await) }
    })
    .await?;
    Ok(Exit::Code(0))
}

/// Passes everything on until the program's output ends.
async fn join<R, Resized>(hijacked: Hijacked, streams: Streams, resize: R) -> Result<()>
where
    R: Fn(TerminalSize) -> Resized,
    Resized: Future<Output = ()>,
{
    let Streams { stdin, stdout, stderr, resizes, .. } = streams;
    tokio::select! {
        biased;
        ended = pass_on_output(hijacked.output, stdout, stderr) => ended,
        () = pass_on_input(stdin, hijacked.input) => Ok(()),
        () = pass_on_sizes(resizes, resize) => Ok(()),
    }
}

async fn pass_on_output(
    mut output: Output,
    mut stdout: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    mut stderr: Option<Box<dyn AsyncWrite + Send + Unpin>>,
) -> Result<()> {
    let broken = |error: std::io::Error| Error::unavailable(format!("the session with Docker broke off: {error}"));
    while let Some(piece) = output.try_next().await.map_err(broken)? {
        let to = if matches!(piece, Piece::Stderr(_)) { &mut stderr } else { &mut stdout };
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
async fn pass_on_input(stdin: Option<Box<dyn AsyncRead + Send + Unpin>>, mut input: impl AsyncWrite + Unpin) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sizes: impl futures::Stream<Item = TerminalSize> + Send + 'static) -> Streams {
        let mut streams = Streams::default();
        streams.resizes = Some(sizes.boxed());
        streams
    }

    #[tokio::test]
    async fn a_command_is_begun_with_the_size_that_the_client_tells_at_once() {
        let (first, second) = (TerminalSize { width: 80, height: 24 }, TerminalSize { width: 81, height: 25 });
        let mut streams = told(stream::iter([first, second]));
        let size = first_size(&mut streams).await;
        let config = exec_config(vec!["sh".to_owned()], true, size, &streams);
        assert_eq!(config.console_size, Some(vec![24, 80]));
        let sizes: Vec<_> = streams.resizes.unwrap().collect().await;
        assert_eq!(sizes, [first, second], "it is told again: Docker may not know sizes in advance");
    }

    #[tokio::test]
    async fn a_client_that_tells_no_size_is_not_waited_for() {
        let mut streams = told(stream::pending());
        assert_eq!(first_size(&mut streams).await, None);
        assert!(streams.resizes.is_some());
        assert_eq!(exec_config(Vec::new(), true, None, &streams).console_size, None);
        assert_eq!(first_size(&mut Streams::default()).await, None);
    }
}

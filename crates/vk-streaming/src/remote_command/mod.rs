//! Remote commands: exec and attach.

mod spdy;
mod streams;
mod web_socket;

use std::future::Future;

use futures::FutureExt;
use futures::future::BoxFuture;
pub use streams::{Input, Output, RemoteCommand, Resizes, TerminalSize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::upgrade::Protocol;

/// The streams that the client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// It will write.
    pub stdin: bool,
    /// It will read what the command prints.
    pub stdout: bool,
    /// It will read errors apart; never with a terminal.
    pub stderr: bool,
    /// There is a terminal, whose size may change.
    pub tty: bool,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client was told the command's outcome.
    Told(Outcome),
    /// The client went before the command had ended: its handler was dropped.
    ClientGone,
    /// The client did not open its streams in time.
    NeverBegan,
    /// The client broke the protocol, or nothing moved for too long.
    Broken(String),
}

/// What is done with a session's streams.
type Handler = Box<dyn FnOnce(RemoteCommand) -> BoxFuture<'static, Outcome> + Send>;

/// Serves one session: `handler` gets the streams, and the client its outcome.
///
/// The handler is dropped when the client goes. Its outputs may be dropped at any time; what was written to them arrives.
pub async fn serve<IO, Running>(
    io: IO,
    protocol: Protocol,
    wanted: Wanted,
    settings: &Settings,
    handler: impl FnOnce(RemoteCommand) -> Running + Send + 'static,
) -> End
where
    IO: AsyncRead + AsyncWrite + Send,
    Running: Future<Output = Outcome> + Send + 'static,
{
    let handler: Handler = Box::new(move |command| handler(command).boxed());
    match protocol {
        Protocol::Spdy(version) => spdy::serve(io, version, wanted, settings, handler).await,
        Protocol::WebSocket(version, encoding) => {
            web_socket::serve(io, version, encoding, wanted, settings, handler).await
        }
    }
}

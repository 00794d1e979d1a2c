//! A remote command over SPDY/3.1: one stream each for errors, stdin, stdout, stderr and terminal sizes.

use std::future::{pending, ready};
use std::pin::pin;

use futures::future::OptionFuture;
use futures::{FutureExt, StreamExt};
use spdy::{Connection, ConnectionError, Headers, Incoming, ResetStatus, Role, Stream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_stream::wrappers::WatchStream;

use super::streams::{Input, Output, RemoteCommand, Resizes, SizeReader};
use super::{End, Handler, Wanted};
use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::upgrade::Version;

/// The header that says which of its streams the client opens.
const STREAM_TYPE: &str = "streamtype";

/// The most streams that a client may have open at once. It needs five; what is wrong beyond these few is refused at once.
const MOST_STREAMS: usize = 8;

/// The streams of a session, as the client has opened them.
#[derive(Default)]
struct Opened {
    error: Option<Stream>,
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    resize: Option<Stream>,
}

pub(super) async fn serve(
    io: impl AsyncRead + AsyncWrite + Send,
    version: Version,
    wanted: Wanted,
    settings: &Settings,
    handler: Handler,
) -> End {
    let (session, incoming, connection) = Connection::new(io, Role::Server, settings.spdy(MOST_STREAMS));
    let mut transport = pin!(connection.run());
    let mut work = pin!(async {
        let opened = timeout(settings.creation_timeout, open(incoming, version, wanted)).await;
        let Ok(Some((error, mut command, sizes))) = opened else { return None };
        let (resizes, newest) = sizes.map(newest).unzip();
        command.resizes = resizes;
        let outcome = tokio::select! {
            biased;
            outcome = handler(command) => outcome,
            never = OptionFuture::from(newest).then(|_| pending()) => never,
        };
        tell(error, &outcome, version).await;
        Some(outcome)
    });
    let outcome = tokio::select! {
        biased;
        outcome = &mut work => outcome,
        ended = &mut transport => return ended_early(ended),
    };
    let end = outcome.map_or(End::NeverBegan, End::Told);
    // Streams that the client has not ended are of no use any more. How long it may read is the transport's affair.
    session.close();
    match transport.await {
        // Whether the client read to the end or went, the command is over.
        Ok(_) | Err(ConnectionError::Io(_)) => end,
        Err(error) => End::Broken(error.to_string()),
    }
}

fn ended_early(ended: Result<spdy::End, ConnectionError>) -> End {
    match ended {
        Ok(_) | Err(ConnectionError::Io(_)) => End::ClientGone,
        Err(error) => End::Broken(error.to_string()),
    }
}

/// Waits until every wanted stream is there; from then on more are refused. `None` if the connection ends first.
async fn open(
    mut incoming: Incoming,
    version: Version,
    wanted: Wanted,
) -> Option<(Stream, RemoteCommand, Option<SizeReader>)> {
    let mut opened = Opened::default();
    while !opened.is_complete(version, wanted) {
        let request = incoming.next().await?;
        let kind = request.headers().get(STREAM_TYPE).unwrap_or_default().to_owned();
        match opened.place(&kind, version, wanted) {
            Some(place @ None) => *place = Some(request.accept(Headers::default())),
            // A stream that was not asked for, or twice.
            _ => request.refuse(ResetStatus::RefusedStream),
        }
    }
    let Opened { error, stdin, stdout, stderr, resize } = opened;
    let command = RemoteCommand::new(stdin.map(input), stdout.map(output), stderr.map(output), None);
    Some((error?, command, resize.map(|stream| SizeReader::new(input(stream)))))
}

/// Sizes of which only the newest waits, and what reads them: those that the command does not look at hold up nothing else.
fn newest(mut sizes: SizeReader) -> (Resizes, impl Future<Output = ()> + Send) {
    let (sender, receiver) = watch::channel(None);
    let reading = async move {
        while let Some(size) = sizes.next().await {
            sender.send_replace(Some(size));
        }
    };
    (Resizes::new(WatchStream::from_changes(receiver).filter_map(ready)), reading)
}

impl Opened {
    fn place(&mut self, kind: &str, version: Version, wanted: Wanted) -> Option<&mut Option<Stream>> {
        let (place, is_wanted) = match kind {
            "error" => (&mut self.error, true),
            "stdin" => (&mut self.stdin, wanted.stdin),
            "stdout" => (&mut self.stdout, wanted.stdout),
            "stderr" => (&mut self.stderr, wanted.stderr),
            "resize" => (&mut self.resize, wanted.has_resizes(version)),
            _ => return None,
        };
        is_wanted.then_some(place)
    }

    fn is_complete(&self, version: Version, wanted: Wanted) -> bool {
        let is_there = |stream: &Option<Stream>, wanted: bool| stream.is_some() || !wanted;
        self.error.is_some()
            && is_there(&self.stdin, wanted.stdin)
            && is_there(&self.stdout, wanted.stdout)
            && is_there(&self.stderr, wanted.stderr)
            && is_there(&self.resize, wanted.has_resizes(version))
    }
}

impl Wanted {
    fn has_resizes(self, version: Version) -> bool {
        self.tty && version >= Version::V3
    }
}

/// The client takes the end of our direction for the end of what may be written, so it comes when the input is dropped.
fn input(mut stream: Stream) -> Input {
    stream.finish_on_drop();
    Input::new(stream)
}

fn output(mut stream: Stream) -> Output {
    stream.finish_on_drop();
    Output::new(stream)
}

async fn tell(mut error: Stream, outcome: &Outcome, version: Version) {
    error.finish_on_drop();
    // A client that has gone is noticed by the transport.
    drop(error.write_all(&outcome.to_bytes(version)).await);
}

//! A remote command over WebSocket: channel 0 is stdin, 1 stdout, 2 stderr, 3 errors, 4 terminal sizes.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::streams::{Input, Output, RemoteCommand, Resizes, SizeReader};
use super::{End, Handler, Wanted};
use crate::settings::Settings;
use crate::upgrade::Version;
use crate::web_socket::{ChannelWriter, Departure, Encoding, Inboxes, Packet, queue, run};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;

pub(super) async fn serve(
    io: impl AsyncRead + AsyncWrite + Send,
    version: Version,
    encoding: Encoding,
    wanted: Wanted,
    settings: &Settings,
    handler: Handler,
) -> End {
    let (queue, queued) = queue();
    let mut inboxes = Inboxes::new(encoding, version >= Version::V5);
    let output = |channel| Output::new(ChannelWriter::new(channel, queue.clone()));
    let command = RemoteCommand::new(
        wanted.stdin.then(|| Input::new(inboxes.open(STDIN))),
        wanted.stdout.then(|| output(STDOUT)),
        wanted.stderr.then(|| output(STDERR)),
        wanted.tty.then(|| Resizes::new(SizeReader::new(Input::new(inboxes.open_newest(RESIZE))).into_stream())),
    );
    let work = async move {
        // Something has to be written first: clients take it for the beginning.
        let first = [(wanted.stdout, STDOUT), (wanted.stderr, STDERR), (true, ERROR)];
        let channel = first.into_iter().find_map(|(wanted, channel)| wanted.then_some(channel)).unwrap_or(ERROR);
        drop(queue.send(Packet { channel, payload: Bytes::new() }).await);
        let outcome = handler(command).await;
        let payload = Bytes::from(outcome.to_bytes(version));
        drop(queue.send(Packet { channel: ERROR, payload }).await);
        outcome
    };
    match run(io, inboxes, queued, settings, work).await {
        Ok(outcome) => End::Told(outcome),
        Err(departure) => departure.into(),
    }
}

impl From<Departure> for End {
    fn from(departure: Departure) -> Self {
        match departure {
            Departure::Gone => Self::ClientGone,
            Departure::Broken(reason) => Self::Broken(reason),
        }
    }
}

//! A remote command over WebSocket: channel 0 is stdin, 1 stdout, 2 stderr, 3 errors, 4 terminal sizes.

use std::pin::pin;

use bytes::Bytes;
use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::streams::{Input, Output, RemoteCommand, Resizes};
use super::{End, Handler, Wanted};
use crate::settings::Settings;
use crate::upgrade::Version;
use crate::web_socket::{ChannelWriter, Departure, Encoding, Inboxes, Packet, QUEUE, config, send};

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
    let socket = WebSocketStream::from_raw_socket(Box::pin(io), Role::Server, Some(config())).await;
    let (sink, source) = socket.split();
    let (queue, queued) = mpsc::channel(QUEUE);
    let mut inboxes = Inboxes::new(encoding, version >= Version::V5);
    let stdin = wanted.stdin.then(|| Input::new(inboxes.open(STDIN)));
    let sizes = wanted.tty.then(|| Input::new(inboxes.open(RESIZE)));
    let pulse = inboxes.pulse();
    let output = |channel| Output::new(ChannelWriter::new(channel, queue.clone()));
    let command = RemoteCommand::new(
        stdin,
        wanted.stdout.then(|| output(STDOUT)),
        wanted.stderr.then(|| output(STDERR)),
        sizes.map(Resizes::new),
    );

    let mut receiving = pin!(inboxes.receive(source));
    let mut sending = pin!(send(sink, encoding, queued, pulse, settings));
    let mut work = pin!(async {
        // Something has to be written first: clients take it for the beginning.
        let first = [(wanted.stdout, STDOUT), (wanted.stderr, STDERR), (true, ERROR)];
        let channel = first.into_iter().find_map(|(wanted, channel)| wanted.then_some(channel)).unwrap_or(ERROR);
        drop(queue.send(Packet { channel, payload: Bytes::new() }).await);
        let outcome = handler(command).await;
        let payload = Bytes::from(outcome.to_bytes(version));
        drop(queue.send(Packet { channel: ERROR, payload }).await);
        drop(queue);
        outcome
    });
    let outcome = tokio::select! {
        biased;
        outcome = &mut work => outcome,
        departure = &mut receiving => return departure.into(),
        sent = &mut sending => return sent.err().unwrap_or(Departure::Gone).into(),
    };
    // What is queued goes out, then a close; then the client has the word.
    let parting = async {
        drop(sending.await);
        receiving.await
    };
    drop(timeout(settings.linger, parting).await);
    End::Told(outcome)
}

impl From<Departure> for End {
    fn from(departure: Departure) -> Self {
        match departure {
            Departure::Gone => Self::ClientGone,
            Departure::Broken(reason) => Self::Broken(reason),
        }
    }
}

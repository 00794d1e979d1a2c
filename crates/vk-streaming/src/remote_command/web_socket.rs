//! A remote command over WebSocket: channel 0 is stdin, 1 stdout, 2 stderr, 3 errors, 4 terminal sizes.

mod receiving;
mod sending;

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use futures::StreamExt;
use receiving::Receiver;
use sending::send;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::streams::{Output, RemoteCommand, Resizes};
use super::{End, Wanted};
use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::upgrade::Version;
use crate::web_socket::{ChannelWriter, Encoding, Packet, config};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;

/// Messages that may wait to be written.
const QUEUE: usize = 32;

pub(super) async fn serve<IO, Handler, Running>(
    io: IO,
    version: Version,
    encoding: Encoding,
    wanted: Wanted,
    settings: &Settings,
    handler: Handler,
) -> End
where
    IO: AsyncRead + AsyncWrite + Send,
    Handler: FnOnce(RemoteCommand) -> Running,
    Running: Future<Output = Outcome>,
{
    let socket = WebSocketStream::from_raw_socket(Box::pin(io), Role::Server, Some(config())).await;
    let (sink, source) = socket.split();
    let (queue, queued) = mpsc::channel(QUEUE);
    let (receiver, stdin, sizes, pulse) = Receiver::new(encoding, version, wanted);
    let output = |channel| Output::new(ChannelWriter::new(channel, queue.clone()));
    let command = RemoteCommand::new(
        stdin,
        wanted.stdout.then(|| output(STDOUT)),
        wanted.stderr.then(|| output(STDERR)),
        sizes.map(Resizes::new),
    );

    let mut receiving = pin!(receiver.run(source));
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
        end = &mut receiving => return end,
        end = &mut sending => return end.err().unwrap_or(End::ClientGone),
    };
    // What is queued goes out, then a close; then the client has the word.
    let parting = async {
        drop(sending.await);
        receiving.await
    };
    drop(timeout(settings.linger, parting).await);
    End::Told(outcome)
}

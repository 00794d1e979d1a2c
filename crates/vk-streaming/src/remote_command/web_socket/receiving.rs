//! What the client sends.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::StreamReader;

use super::sending::Pulse;
use super::{RESIZE, STDIN};
use crate::remote_command::streams::Input;
use crate::remote_command::{End, Wanted};
use crate::upgrade::Version;
use crate::web_socket::{Encoding, Packet};

/// The channel that ends others (KEP-4006).
const CLOSE: u8 = 255;

/// Messages that may wait for the command to read them; beyond that the client waits.
const UNREAD: usize = 32;

type Bucket = mpsc::Sender<std::io::Result<Bytes>>;

pub(super) struct Receiver {
    encoding: Encoding,
    version: Version,
    stdin: Option<Bucket>,
    resize: Option<Bucket>,
    pulse: Arc<Pulse>,
}

impl Receiver {
    pub(super) fn new(
        encoding: Encoding,
        version: Version,
        wanted: Wanted,
    ) -> (Self, Option<Input>, Option<Input>, Arc<Pulse>) {
        let (stdin, input) = wanted.stdin.then(bucket).unzip();
        let (resize, sizes) = wanted.tty.then(bucket).unzip();
        let pulse = Arc::new(Pulse::new());
        (Self { encoding, version, stdin, resize, pulse: pulse.clone() }, input, sizes, pulse)
    }

    /// Hands on what comes until the client goes.
    pub(super) async fn run(mut self, source: impl Stream<Item = Result<Message, Error>>) -> End {
        let mut source = std::pin::pin!(source);
        while let Some(message) = source.next().await {
            self.pulse.heard();
            let bytes = match message {
                Ok(Message::Binary(bytes)) => bytes,
                Ok(Message::Text(text)) => text.into(),
                Ok(Message::Close(_)) => return End::ClientGone,
                Ok(_) => continue,
                Err(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed) => return End::ClientGone,
                Err(error) => return broken_or_gone(&error),
            };
            match self.encoding.read(bytes) {
                Ok(Some(packet)) => self.hand_on(packet).await,
                Ok(None) => {}
                Err(reason) => return End::Broken(format!("the client sent {reason}")),
            }
        }
        End::ClientGone
    }

    /// Channels that were not asked for lead nowhere.
    async fn hand_on(&mut self, packet: Packet) {
        let bucket = match packet.channel {
            STDIN => &mut self.stdin,
            RESIZE => &mut self.resize,
            CLOSE if self.version >= Version::V5 => {
                if packet.payload.first() == Some(&STDIN) {
                    self.stdin = None;
                }
                return;
            }
            _ => return,
        };
        self.pulse.used();
        if let Some(sender) = bucket
            && !packet.payload.is_empty()
        {
            self.pulse.waits_for_command(true);
            let taken = sender.send(Ok(packet.payload)).await.is_ok();
            self.pulse.waits_for_command(false);
            if !taken {
                *bucket = None;
            }
        }
    }
}

fn broken_or_gone(error: &Error) -> End {
    match error {
        // The transport ended in the middle.
        Error::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            End::ClientGone
        }
        _ => End::Broken(error.to_string()),
    }
}

fn bucket() -> (Bucket, Input) {
    let (sender, receiver) = mpsc::channel(UNREAD);
    (sender, Input::new(StreamReader::new(ReceiverStream::new(receiver))))
}

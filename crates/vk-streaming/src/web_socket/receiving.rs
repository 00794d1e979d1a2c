//! What the client sends.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::StreamReader;

use super::pulse::Pulse;
use super::{Departure, Encoding, Packet};

/// The channel that ends others (KEP-4006).
const CLOSE: u8 = 255;

/// Messages that may wait for their reader; beyond that the client waits.
const UNREAD: usize = 32;

type Inbox = mpsc::Sender<std::io::Result<Bytes>>;

/// The channels on which the client may write. Others lead nowhere.
pub(crate) struct Inboxes {
    encoding: Encoding,
    /// Whether the client can end one channel and leave the others.
    half_close: bool,
    inboxes: BTreeMap<u8, Inbox>,
    pulse: Arc<Pulse>,
}

impl Inboxes {
    pub(crate) fn new(encoding: Encoding, half_close: bool) -> Self {
        Self { encoding, half_close, inboxes: BTreeMap::new(), pulse: Arc::new(Pulse::new()) }
    }

    /// Takes what comes on a channel; gives its reader.
    pub(crate) fn open(&mut self, channel: u8) -> impl AsyncRead + Send + Unpin + use<> {
        let (sender, receiver) = mpsc::channel(UNREAD);
        self.inboxes.insert(channel, sender);
        StreamReader::new(ReceiverStream::new(receiver))
    }

    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Hands on what comes until the client goes.
    pub(crate) async fn receive(mut self, source: impl Stream<Item = Result<Message, Error>>) -> Departure {
        let mut source = pin!(source);
        while let Some(message) = source.next().await {
            self.pulse.heard();
            let bytes = match message {
                Ok(Message::Binary(bytes)) => bytes,
                Ok(Message::Text(text)) => text.into(),
                Ok(Message::Close(_)) => return Departure::Gone,
                Ok(_) => continue,
                Err(error) => return departure(&error),
            };
            match self.encoding.read(bytes) {
                Ok(Some(packet)) => self.hand_on(packet).await,
                Ok(None) => {}
                Err(reason) => return Departure::Broken(format!("the client sent {reason}")),
            }
        }
        Departure::Gone
    }

    async fn hand_on(&mut self, Packet { channel, payload }: Packet) {
        if channel == CLOSE && self.half_close {
            if let Some(closed) = payload.first() {
                self.inboxes.remove(closed);
            }
            return;
        }
        let Some(inbox) = self.inboxes.get(&channel) else { return };
        self.pulse.used();
        if payload.is_empty() {
            return;
        }
        self.pulse.waits_for_reader(true);
        let taken = inbox.send(Ok(payload)).await.is_ok();
        self.pulse.waits_for_reader(false);
        if !taken {
            self.inboxes.remove(&channel);
        }
    }
}

fn departure(error: &Error) -> Departure {
    match error {
        Error::Io(_)
        | Error::ConnectionClosed
        | Error::AlreadyClosed
        // The transport ended in the middle.
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Departure::Gone,
        error => Departure::Broken(error.to_string()),
    }
}

//! What goes to the client, pings among it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{Sink, SinkExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::remote_command::End;
use crate::settings::Settings;
use crate::web_socket::{Encoding, Packet};

/// Signs of life of a session, noted by the half that reads and looked at by the one that writes.
pub(super) struct Pulse {
    start: Instant,
    heard: AtomicU64,
    used: AtomicU64,
    waits_for_command: AtomicBool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let none = || AtomicU64::new(0);
        Self { start: Instant::now(), heard: none(), used: none(), waits_for_command: AtomicBool::new(false) }
    }

    /// Something came.
    pub(super) fn heard(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    /// A byte of some stream came or went.
    pub(super) fn used(&self) {
        self.used.store(self.now(), Ordering::Relaxed);
    }

    /// Nothing is read while the command does not read: an answer cannot be missed then.
    pub(super) fn waits_for_command(&self, waits: bool) {
        self.waits_for_command.store(waits, Ordering::Relaxed);
        self.heard();
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(moment.load(Ordering::Relaxed)))
    }

    /// Why the session has to end, if it has to.
    fn end(&self, settings: &Settings) -> Option<End> {
        let listens = !self.waits_for_command.load(Ordering::Relaxed);
        if listens && self.since(&self.heard) > settings.ping_interval * 3 {
            return Some(End::ClientGone);
        }
        let idle = self.since(&self.used) >= settings.idle_timeout;
        idle.then(|| End::Broken("nothing moved for too long".to_owned()))
    }
}

/// Writes what is queued until nobody can queue anything any more, then a close.
pub(super) async fn send<S>(
    sink: S,
    encoding: Encoding,
    mut queued: mpsc::Receiver<Packet>,
    pulse: Arc<Pulse>,
    settings: &Settings,
) -> Result<(), End>
where
    S: Sink<Message, Error = Error>,
{
    let mut sink = std::pin::pin!(sink);
    let mut pings = interval_at(Instant::now() + settings.ping_interval, settings.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = pings.tick() => {
                if let Some(end) = pulse.end(settings) {
                    return Err(end);
                }
                sink.send(Message::Ping(Bytes::new())).await.map_err(gone)?;
            }
            packet = queued.recv() => {
                let Some(packet) = packet else { break };
                pulse.used();
                sink.feed(encoding.write(&packet)).await.map_err(gone)?;
                if queued.is_empty() {
                    sink.flush().await.map_err(gone)?;
                }
            }
        }
    }
    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    sink.send(Message::Close(Some(close))).await.map_err(gone)
}

fn gone(_: Error) -> End {
    End::ClientGone
}

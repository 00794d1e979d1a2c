//! What goes to the client, pings among it.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Sink, SinkExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::pulse::Pulse;
use super::{Departure, Encoding, Packet};
use crate::settings::Settings;

/// Writes what is queued until nobody can queue anything any more, then a close.
pub(crate) async fn send<S>(
    sink: S,
    encoding: Encoding,
    mut queued: mpsc::Receiver<Packet>,
    pulse: Arc<Pulse>,
    settings: &Settings,
) -> Result<(), Departure>
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

fn gone(_: Error) -> Departure {
    Departure::Gone
}

//! What goes to the client, pings among it.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Sink, SinkExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::pulse::Pulse;
use super::{Departure, Encoding, Packet};

/// Writes what is queued until nobody can queue anything any more, then a close. How long the client takes to read is not
/// its affair.
pub(super) async fn write<S>(
    sink: S,
    encoding: Encoding,
    mut queued: mpsc::Receiver<Packet>,
    pulse: &Pulse,
    ping_interval: Duration,
) -> Result<(), Departure>
where
    S: Sink<Message, Error = Error>,
{
    let mut sink = pin!(sink);
    let mut pings = interval_at(Instant::now() + ping_interval, ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = pings.tick() => sink.send(sign(pulse)).await.map_err(gone)?,
            () = pulse.sign_is_due() => sink.send(sign(pulse)).await.map_err(gone)?,
            packet = queued.recv() => {
                let Some(packet) = packet else { break };
                sink.feed(encoding.write(&packet)).await.map_err(gone)?;
                pulse.used();
                if queued.is_empty() {
                    sink.flush().await.map_err(gone)?;
                    pulse.used();
                }
            }
        }
    }
    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    sink.send(Message::Close(Some(close))).await.map_err(gone)
}

/// A ping, or, to a client that is not read, the answer to one of its own that may be waiting (RFC 6455, section 5.5.3, lets it
/// come unasked): to answer a ping it might have to write behind what we do not read, and read no further itself.
fn sign(pulse: &Pulse) -> Message {
    if pulse.input_waits() { Message::Pong(Bytes::new()) } else { Message::Ping(Bytes::new()) }
}

fn gone(_: Error) -> Departure {
    Departure::Gone
}

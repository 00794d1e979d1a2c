//! A session on an upgraded connection, whatever its channels are for.

use std::pin::pin;

use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::pulse::Pulse;
use super::receiving::Inboxes;
use super::sending::write;
use super::{Departure, Packet, config};
use crate::settings::Settings;

/// Messages that may wait to be written.
const QUEUE: usize = 32;

/// What is to be written, and who writes it.
pub(crate) fn queue() -> (mpsc::Sender<Packet>, mpsc::Receiver<Packet>) {
    mpsc::channel(QUEUE)
}

/// Reads into `inboxes` and writes what is `queued` while `work` is done, and gives what that comes to. Then the client may read
/// what is left in its own time, and closes.
///
/// # Errors
/// The client left before, or nothing moved for too long.
pub(crate) async fn run<T>(
    io: impl AsyncRead + AsyncWrite + Send,
    inboxes: Inboxes,
    queued: mpsc::Receiver<Packet>,
    settings: &Settings,
    work: impl Future<Output = T>,
) -> Result<T, Departure> {
    let socket = WebSocketStream::from_raw_socket(Box::pin(io), Role::Server, Some(config())).await;
    let (sink, source) = socket.split();
    let pulse = Pulse::new();
    let encoding = inboxes.encoding();
    let mut reading = pin!(inboxes.receive(source, &pulse));
    let mut writing = pin!(write(sink, encoding, queued, &pulse, settings.ping_interval));
    let mut idle = pin!(pulse.idleness(settings.idle_timeout));
    let mut work = pin!(work);
    let done = tokio::select! {
        biased;
        done = &mut work => done,
        departure = &mut reading => return Err(departure),
        written = &mut writing => return Err(written.err().unwrap_or(Departure::Gone)),
        () = &mut idle => return Err(Departure::idle()),
    };
    // What is queued goes out, then a close. Who leaves now has heard enough.
    tokio::select! {
        biased;
        written = &mut writing => if written.is_err() { return Ok(done) },
        _ = &mut reading => return Ok(done),
        () = &mut idle => return Err(Departure::idle()),
    }
    tokio::select! {
        biased;
        _ = &mut reading => Ok(done),
        () = pulse.silence(settings.linger) => Ok(done),
        () = &mut idle => Ok(done),
    }
}

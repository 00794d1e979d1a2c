//! Port-forward over SPDY/3.1, whatever carries that.

use std::future::pending;
use std::pin::pin;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use spdy::{Incoming, ResetStatus, Role};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep_until;

use super::join::{Parting, join};
use super::pairs::{Pair, Pairs};
use super::{Connect, End};
use crate::settings::Settings;

pub(super) async fn serve(io: impl AsyncRead + AsyncWrite + Send, settings: &Settings, connect: &Connect) -> End {
    let connection = spdy::Settings {
        ping_interval: Some(settings.ping_interval),
        idle_timeout: Some(settings.idle_timeout),
        linger: settings.linger,
        ..spdy::Settings::default()
    };
    let (_session, incoming, connection) = spdy::Connection::new(io, Role::Server, connection);
    let mut transport = pin!(connection.run());
    let mut work = pin!(forward_all(incoming, settings, connect));
    // Connections have a last chance to write before they learn that the client has gone.
    let ended = tokio::select! {
        biased;
        ended = &mut transport => ended,
        () = &mut work => transport.await,
    };
    match ended {
        Ok(_) | Err(spdy::ConnectionError::Io(_)) => End::Closed,
        Err(error) => End::Broken(error.to_string()),
    }
}

/// Serves every pair of streams until the client opens no more, because it has gone.
async fn forward_all(mut incoming: Incoming, settings: &Settings, connect: &Connect) {
    let mut pairs = Pairs::new(settings.creation_timeout);
    let mut running = FuturesUnordered::new();
    loop {
        let deadline = pairs.deadline();
        let late = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(()) = running.next() => {}
            request = incoming.next() => match request.map(|request| pairs.place(request)) {
                Some(Some(pair)) => running.push(forward(pair, settings, connect)),
                Some(None) => {}
                None => return,
            },
            () = late => {
                for half in pairs.take_late() {
                    half.give_up().await;
                }
            }
        }
    }
}

async fn forward(pair: Pair, settings: &Settings, connect: &Connect) {
    let Pair { data, mut error, port } = pair;
    let connection = match connect(port).await {
        Ok(connection) => connection,
        Err(reason) => {
            // A client that has gone is noticed by the transport.
            drop(error.write_all(reason.as_bytes()).await);
            return;
        }
    };
    let (from_client, mut to_client) = data.into_split();
    if join(from_client, &mut to_client, connection, settings.linger).await == Parting::BrokenByPod {
        // As the end of a TCP connection is no reset, so is a reset no end.
        to_client.reset_after_writes(ResetStatus::Cancel);
    }
}

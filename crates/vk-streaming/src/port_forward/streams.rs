//! Port-forward over SPDY/3.1, whatever carries that.

use std::future::pending;
use std::pin::pin;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use spdy::{Incoming, ResetStatus, Role};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, sleep_until};

use super::join::{Parting, join};
use super::pairs::{MOST_STREAMS, Pair, Pairs};
use super::{Connect, End};
use crate::settings::Settings;

pub(super) async fn serve(io: impl AsyncRead + AsyncWrite + Send, settings: &Settings, connect: &Connect) -> End {
    let (_session, incoming, connection) = spdy::Connection::new(io, Role::Server, settings.spdy(MOST_STREAMS));
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
            request = incoming.next() => match request.map(|request| pairs.place(request, running.len())) {
                Some(Some(pair)) => running.push(forward(pair, settings, connect).left_future()),
                Some(None) => {}
                None => return,
            },
            () = late => {
                let late = pairs.take_late().into_iter();
                running.extend(late.map(|half| half.give_up().right_future()));
            }
        }
    }
}

async fn forward(pair: Pair, settings: &Settings, connect: &Connect) {
    let Pair { data, mut error, port } = pair;
    let mut closed = pin!(data.closed());
    let connected = tokio::select! {
        biased;
        connected = connect(port) => connected,
        _ = &mut closed => return,
    };
    let connection = match connected {
        Ok(connection) => connection,
        Err(reason) => {
            // A client that has gone is noticed by the transport.
            drop(error.write_all(reason.as_bytes()).await);
            return;
        }
    };
    let (from_client, mut to_client) = data.into_split();
    let joined = async {
        if join(from_client, &mut to_client, connection, settings.linger).await == Parting::BrokenByPod {
            // As the end of a TCP connection is no reset, so is a reset no end.
            to_client.reset_after_writes(ResetStatus::Cancel);
        }
    };
    // What the client sent before it broke off may still arrive, but the pod need not be reading.
    let broken_off = async {
        match closed.await {
            Some(_) => sleep(settings.linger).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        () = joined => {}
        () = broken_off => {}
    }
}

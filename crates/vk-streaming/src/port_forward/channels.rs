//! Port-forward over WebSocket channels: of the port at place n, channel 2n carries the bytes and 2n + 1 what went wrong. On
//! both the server first says the port, in two bytes, the lower one first. A channel has no end of its own.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::join::join;
use super::{Connect, End};
use crate::settings::Settings;
use crate::web_socket::{ChannelWriter, Encoding, Inboxes, Packet, queue, run};

/// What the client has sent already may still arrive after the pod's server has ended. The client cannot be told that end but
/// by that of the session, so it is not kept waiting.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// The channels of one port.
struct Port<R> {
    port: u16,
    from_client: R,
    data: u8,
    error: u8,
    queue: mpsc::Sender<Packet>,
}

pub(super) async fn serve(
    io: impl AsyncRead + AsyncWrite + Send,
    encoding: Encoding,
    ports: &[u16],
    settings: &Settings,
    connect: &Connect,
) -> End {
    let (queue, queued) = queue();
    let mut inboxes = Inboxes::new(encoding, false);
    let numbered = (0..=u8::MAX - 1).step_by(2).zip(ports);
    let ports: Vec<_> = numbered
        .map(|(data, &port)| Port {
            port,
            from_client: inboxes.open(data),
            data,
            error: data + 1,
            queue: queue.clone(),
        })
        .collect();
    drop(queue);
    let work = join_all(ports.into_iter().map(|port| port.forward(connect)));
    match run(io, inboxes, queued, settings, work).await {
        Ok(_) => End::Closed,
        Err(departure) => departure.into(),
    }
}

impl<R: AsyncRead + Unpin> Port<R> {
    async fn forward(self, connect: &Connect) {
        let Self { port, from_client, data, error, queue } = self;
        for channel in [data, error] {
            let payload = Bytes::copy_from_slice(&port.to_le_bytes());
            // A client that has gone is noticed by those who read and write.
            drop(queue.send(Packet { channel, payload }).await);
        }
        let mut error = ChannelWriter::new(error, queue.clone());
        match connect(port).await {
            Ok(connection) => {
                // Nothing more can be said on the channel for errors, so it is let go.
                drop(error);
                join(from_client, ChannelWriter::new(data, queue), connection, LAST_BYTES).await;
            }
            Err(reason) => drop(error.write_all(reason.as_bytes()).await),
        }
    }
}

//! A client and a server with a pipe between them.

use bytes::BytesMut;
use spdy::codec::{Decoder, Encoder};
use spdy::{
    Connection, ConnectionError, End, Frame, Headers, Incoming, Limits, Priority, Role, Session, Settings, StreamId,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

pub(crate) type Running = JoinHandle<Result<End, ConnectionError>>;

pub(crate) struct Side {
    pub(crate) session: Session,
    pub(crate) incoming: Incoming,
    pub(crate) running: Running,
}

/// A side that runs on this end of a pipe.
pub(crate) fn side(io: DuplexStream, role: Role, settings: Settings) -> Side {
    let (session, incoming, connection) = Connection::new(io, role, settings);
    Side { session, incoming, running: tokio::spawn(connection.run()) }
}

/// Client and server; the pipe between them holds this many bytes.
pub(crate) fn pair(pipe: usize) -> (Side, Side) {
    pair_with(pipe, Settings::default())
}

/// Client and server that both work like this.
pub(crate) fn pair_with(pipe: usize, settings: Settings) -> (Side, Side) {
    let (near, far) = tokio::io::duplex(pipe);
    (side(near, Role::Client, settings), side(far, Role::Server, settings))
}

/// What opens a stream.
pub(crate) fn syn_stream(number: u32) -> Frame {
    let (priority, headers) = (Priority::default(), Headers::default());
    let id = StreamId::new(number).unwrap();
    Frame::SynStream { id, associated: None, priority, fin: false, unidirectional: false, headers }
}

/// A peer that writes and reads frames as a test wants.
pub(crate) struct RawPeer {
    io: DuplexStream,
    encoder: Encoder,
    decoder: Decoder,
    input: BytesMut,
}

impl RawPeer {
    pub(crate) fn new(io: DuplexStream) -> Self {
        let decoder = Decoder::new(Limits::default());
        Self { io, encoder: Encoder::new(), decoder, input: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, frame: Frame) {
        let mut output = BytesMut::new();
        self.encoder.encode(&frame, &mut output).unwrap();
        self.send_bytes(&output).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.decode(&mut self.input).unwrap() {
                return Some(frame);
            }
            if self.io.read_buf(&mut self.input).await.unwrap() == 0 {
                return None;
            }
        }
    }
}

//! A client that reads as fast as it can, on a connection of its own each time, as the API server does it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use futures::StreamExt;
use rustls::ClientConfig;
use spdy::codec::{Decoder, Encoder};
use spdy::{Frame, Headers, Limits, Priority, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::certificates::Certificates;

/// How a command's streams come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Spdy,
    WebSocket,
}

/// Connects to one server.
pub(super) struct Client {
    config: Arc<ClientConfig>,
    address: SocketAddr,
}

/// What the answer to an upgrade may have, head and all.
const LONGEST_HEAD: usize = 16 * 1024;
/// How much is read at once.
const READ: usize = 256 * 1024;
/// Channels of a WebSocket.
const STDOUT: u8 = 1;
const ERROR: u8 = 3;
const SUCCESS: &[u8] = b"\"Success\"";

impl Client {
    pub(super) fn new(certificates: &Certificates, address: SocketAddr) -> Result<Self> {
        Ok(Self { config: Arc::new(certificates.client_config()?), address })
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(TlsConnector::from(self.config.clone()).connect(self.address.ip().into(), stream).await?)
    }

    /// Asks the bare server for so many bytes, and reads them.
    pub(super) async fn read(&self, bytes: u64) -> Result<()> {
        let mut stream = self.connect().await?;
        stream.write_u64(bytes).await?;
        stream.flush().await?;
        let mut buffer = vec![0; READ];
        let mut read = 0;
        while read < bytes {
            match stream.read(&mut buffer).await? {
                0 => bail!("{read} bytes came, not {bytes}"),
                length => read += length as u64,
            }
        }
        Ok(())
    }

    /// Runs a command that prints so many bytes; answers with how many came before it succeeded.
    pub(super) async fn print(&self, protocol: Protocol, bytes: u64) -> Result<u64> {
        let mut stream = self.connect().await?;
        let upgrade = match protocol {
            Protocol::Spdy => "POST",
            Protocol::WebSocket => "GET",
        };
        let wanted = match protocol {
            Protocol::Spdy => "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v5.channel.k8s.io\r\n",
            Protocol::WebSocket => {
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
            }
        };
        let request = format!(
            "{upgrade} /exec/default/web/app?command={bytes}&output=1 HTTP/1.1\r\nHost: bench\r\n\
             Connection: Upgrade\r\n{wanted}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let rest = until_upgraded(&mut stream).await?;
        match protocol {
            Protocol::Spdy => over_spdy(stream, rest).await,
            Protocol::WebSocket => over_web_socket(stream, rest).await,
        }
    }
}

/// Reads the answer's head; what came after it belongs to the new protocol.
async fn until_upgraded(stream: &mut TlsStream<TcpStream>) -> Result<BytesMut> {
    let mut input = BytesMut::with_capacity(READ);
    loop {
        if let Some(end) = input.windows(4).position(|end| end == b"\r\n\r\n") {
            let head = input.split_to(end + 4);
            if !head.starts_with(b"HTTP/1.1 101 ") {
                bail!("the upgrade was refused: {}", String::from_utf8_lossy(&head));
            }
            return Ok(input);
        }
        if input.len() > LONGEST_HEAD || stream.read_buf(&mut input).await? == 0 {
            bail!("no answer to an upgrade");
        }
    }
}

/// Streams 1 and 3 are errors and stdout. Like Go's client, this one never speaks of windows.
async fn over_spdy(mut stream: TlsStream<TcpStream>, mut input: BytesMut) -> Result<u64> {
    let (mut encoder, mut output) = (Encoder::new(), BytesMut::new());
    let ids = [1, 3].map(StreamId::new);
    let [Some(errors), Some(stdout)] = ids else { bail!("stream numbers") };
    for (id, kind) in [(errors, "error"), (stdout, "stdout")] {
        let headers = Headers::from_pairs([("streamtype", kind)]);
        let open = Frame::SynStream {
            id,
            associated: None,
            priority: Priority::default(),
            fin: false,
            unidirectional: false,
            headers,
        };
        encoder.encode(&open, &mut output)?;
    }
    stream.write_all(&output).await?;
    let mut decoder = Decoder::new(Limits::default());
    let (mut printed, mut status) = (0, BytesMut::new());
    loop {
        while let Some(frame) = decoder.decode(&mut input)? {
            match frame {
                Frame::Data { id, payload, .. } if id == stdout => printed += payload.len() as u64,
                Frame::Data { id, payload, fin } if id == errors => {
                    status.extend_from_slice(&payload);
                    if fin {
                        return succeeded(&status).map(|()| printed);
                    }
                }
                _ => {}
            }
        }
        input.reserve(READ);
        if stream.read_buf(&mut input).await? == 0 {
            bail!("the connection ended before the command");
        }
    }
}

async fn over_web_socket(stream: TlsStream<TcpStream>, rest: BytesMut) -> Result<u64> {
    let mut socket = WebSocketStream::from_partially_read(stream, rest.to_vec(), Role::Client, None).await;
    let mut printed = 0;
    loop {
        let message = socket.next().await.context("the connection ended before the command")??;
        let Message::Binary(message) = message else { continue };
        match message.split_first() {
            Some((&STDOUT, payload)) => printed += payload.len() as u64,
            Some((&ERROR, status)) => return succeeded(status).map(|()| printed),
            _ => {}
        }
    }
}

fn succeeded(status: &[u8]) -> Result<()> {
    if status.windows(SUCCESS.len()).any(|window| window == SUCCESS) {
        return Ok(());
    }
    bail!("the command failed: {}", String::from_utf8_lossy(status))
}

//! A client of a port-forward that writes what it wants, over SPDY, its tunnel or channels: the session ends when the client
//! does, if not before, and only ports that were asked for are connected to.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::BytesMut;
use fuzz::frames::AnyFrame;
use fuzz::simulated;
use fuzz::web_socket::{binary, frame, message};
use libfuzzer_sys::fuzz_target;
use spdy::codec::Encoder;
use spdy::{Frame, Headers, Priority, StreamId};
use tokio::io::AsyncWriteExt;
use vk_streaming::port_forward::{Connect, Connection, serve};
use vk_streaming::{Encoding, PortForwardProtocol, Settings};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    kind: Kind,
    ports: [u16; 2],
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Kind {
    Spdy,
    Tunnel,
    Binary,
    Base64,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// One of the two streams of a connection, as kubectl opens them.
    Open { id: u8, is_data: bool, port: u16, request: u8 },
    /// Another SPDY frame.
    Frame(AnyFrame),
    /// A message as clients send it, which begins with its channel.
    Message { channel: u8, payload: &'a [u8] },
    /// A frame of a WebSocket, whose head may be any.
    WebSocket { head: u8, payload: &'a [u8] },
    /// Bytes without any form.
    Bytes(&'a [u8]),
    /// So many seconds pass.
    Wait(u8),
}

const PIPE: usize = 8 * 1024;
/// Connections to such ports are refused.
const CLOSED: u16 = 7;

fuzz_target!(|input: Input<'_>| simulated::run(play(input)));

async fn play(input: Input<'_>) {
    let (near, far) = tokio::io::duplex(PIPE);
    let Input { kind, ports, steps } = input;
    let protocol = match kind {
        Kind::Spdy => PortForwardProtocol::Spdy,
        Kind::Tunnel => PortForwardProtocol::Tunnel,
        Kind::Binary => PortForwardProtocol::Channels(Encoding::Binary),
        Kind::Base64 => PortForwardProtocol::Channels(Encoding::Base64),
    };
    let settings = Settings { idle_timeout: Duration::from_secs(60), ..Settings::default() };
    let is_over_channels = matches!(protocol, PortForwardProtocol::Channels(_));
    let session = serve(near, protocol, &ports, &settings, connect(is_over_channels.then_some(ports)));
    let client = async {
        let (mut read, mut write) = tokio::io::split(far);
        let speaking = async {
            let mut encoder = Encoder::new();
            for step in &steps {
                if let Step::Wait(seconds) = step {
                    tokio::time::sleep(Duration::from_secs((*seconds).into())).await;
                }
                if write.write_all(&bytes_of(step, kind, &mut encoder)).await.is_err() {
                    break;
                }
            }
            drop(write.shutdown().await);
        };
        let listening = async { drop(tokio::io::copy(&mut read, &mut tokio::io::sink()).await) };
        tokio::join!(speaking, listening);
    };
    tokio::join!(session, client);
}

/// Pods echo.
fn connect(allowed: Option<[u16; 2]>) -> Connect {
    Arc::new(move |port| {
        assert!(allowed.is_none_or(|ports| ports.contains(&port)), "{port} was not asked for");
        Box::pin(async move {
            if port % CLOSED == 0 {
                return Err(format!("{port} is closed"));
            }
            let (ours, theirs) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(theirs);
                // The session may be over before.
                drop(tokio::io::copy(&mut read, &mut write).await);
            });
            Ok(Box::new(ours) as Box<dyn Connection>)
        })
    })
}

fn bytes_of(step: &Step<'_>, kind: Kind, encoder: &mut Encoder) -> Vec<u8> {
    match step {
        Step::Open { id, is_data, port, request } => {
            let headers = Headers::from_pairs([
                ("streamtype", if *is_data { "data" } else { "error" }.to_owned()),
                ("port", port.to_string()),
                ("requestid", request.to_string()),
            ]);
            let Some(id) = StreamId::new(u32::from(*id) * 2 + 1) else { return Vec::new() };
            let (associated, priority) = (None, Priority::default());
            let open = Frame::SynStream { id, associated, priority, fin: false, unidirectional: false, headers };
            spdy(&open, kind, encoder)
        }
        Step::Frame(AnyFrame(frame)) => spdy(frame, kind, encoder),
        Step::Message { channel, payload } => {
            let encoding = if kind == Kind::Base64 { Encoding::Base64 } else { Encoding::Binary };
            message(encoding, *channel, payload)
        }
        Step::WebSocket { head, payload } => frame(*head, true, payload),
        Step::Bytes(bytes) => bytes.to_vec(),
        Step::Wait(_) => Vec::new(),
    }
}

fn spdy(frame: &Frame, kind: Kind, encoder: &mut Encoder) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    encoder.encode(frame, &mut bytes).expect("a frame that can be written");
    if kind == Kind::Tunnel { binary(&bytes) } else { bytes.to_vec() }
}

//! A peer that writes what it wants: the connection ends when the peer does, if not before, and writes nothing but frames.
#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::BytesMut;
use fuzz::frames::AnyFrame;
use fuzz::simulated;
use libfuzzer_sys::fuzz_target;
use spdy::codec::{Decoder, Encoder};
use spdy::{Connection, FlowControl, Frame, Headers, Incoming, Limits, Request, ResetStatus, Role, Session, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    is_server: bool,
    enforces: bool,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// The peer sends a frame.
    Frame(AnyFrame),
    /// The peer sends bytes.
    Bytes(&'a [u8]),
    /// Our side opens a stream, writes so many bytes, and reads to the end.
    Open(u16),
    /// So many seconds pass.
    Wait(u8),
    /// Our side wants to end.
    Close,
}

/// Less than a window, so that back-pressure is common.
const PIPE: usize = 8 * 1024;

fuzz_target!(|input: Input<'_>| simulated::run(play(input)));

async fn play(input: Input<'_>) {
    let (near, far) = tokio::io::duplex(PIPE);
    let settings = Settings {
        limits: Limits { streams: 3, ..Limits::default() },
        flow_control: if input.enforces { FlowControl::Enforce } else { FlowControl::Detect },
        stream_buffer: 64 * 1024,
        ping_interval: Some(Duration::from_secs(15)),
        idle_timeout: Some(Duration::from_secs(60)),
        ..Settings::default()
    };
    let role = if input.is_server { Role::Server } else { Role::Client };
    let (session, incoming, connection) = Connection::new(near, role, settings);
    let connection = tokio::spawn(connection.run());
    tokio::spawn(serve(incoming));
    let (read, mut write) = tokio::io::split(far);
    let listening = tokio::spawn(listen(read));
    let mut encoder = Encoder::new();
    for step in input.steps {
        let mut bytes = BytesMut::new();
        match step {
            Step::Frame(AnyFrame(frame)) => encoder.encode(&frame, &mut bytes).expect("a frame that can be written"),
            Step::Bytes(any) => bytes.extend_from_slice(any),
            Step::Open(length) => drop(tokio::spawn(use_stream(session.clone(), length.into()))),
            Step::Wait(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            Step::Close => session.close(),
        }
        if write.write_all(&bytes).await.is_err() {
            break;
        }
    }
    drop(session);
    // It may have ended before.
    drop(write.shutdown().await);
    // With an error or without.
    drop(connection.await.expect("no panic"));
    listening.await.expect("no panic");
}

/// Echoes some streams and refuses the others.
async fn serve(mut incoming: Incoming) {
    while let Some(request) = incoming.next().await {
        if request.id().get() % 5 == 0 {
            request.refuse(ResetStatus::RefusedStream);
        } else {
            tokio::spawn(echo(request));
        }
    }
}

async fn echo(request: Request) -> std::io::Result<()> {
    let (mut receive, mut send) = request.accept(Headers::default()).into_split();
    tokio::io::copy(&mut receive, &mut send).await?;
    send.shutdown().await
}

async fn use_stream(session: Session, length: usize) -> Option<()> {
    let mut stream = session.open(Headers::from_pairs([("length", length.to_string())])).await.ok()?;
    stream.reply().await.ok()?;
    stream.write_all(&vec![7; length]).await.ok()?;
    stream.shutdown().await.ok()?;
    stream.read_to_end(&mut Vec::new()).await.ok().map(drop)
}

/// All that comes are frames, and GOAWAY is the last of them.
async fn listen(mut read: impl AsyncRead + Unpin) {
    let (mut decoder, mut input) = (Decoder::new(Limits::default()), BytesMut::new());
    let mut has_gone = false;
    while read.read_buf(&mut input).await.is_ok_and(|bytes| bytes > 0) {
        while let Some(frame) = decoder.decode(&mut input).expect("what we write are frames") {
            assert!(!has_gone, "{frame:?} after GOAWAY");
            has_gone = matches!(frame, Frame::GoAway { .. });
        }
    }
}

//! A client of a remote command that writes what it wants into its WebSocket: the session ends when the client does, if not
//! before, and the command's stdin is what well-formed messages have brought.
#![no_main]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arbitrary::Arbitrary;
use fuzz::simulated;
use fuzz::web_socket::{frame, message};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vk_streaming::remote_command::{RemoteCommand, Wanted, serve};
use vk_streaming::{Encoding, Outcome, Protocol, Settings, Version};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    kind: Kind,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    tty: bool,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Kind {
    V5,
    V4,
    V1,
    V4Base64,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// A message as clients send it.
    Message { channel: u8, payload: &'a [u8] },
    /// A frame whose head may be any.
    Frame { head: u8, is_masked: bool, payload: &'a [u8] },
    /// Bytes without any form.
    Bytes(&'a [u8]),
    /// So many seconds pass.
    Wait(u8),
}

const STDIN: u8 = 0;
const CLOSE: u8 = 255;
/// Less than a message may have.
const PIPE: usize = 8 * 1024;

fuzz_target!(|input: Input<'_>| simulated::run(play(input)));

async fn play(input: Input<'_>) {
    let (near, far) = tokio::io::duplex(PIPE);
    let version = match input.kind {
        Kind::V5 => Version::V5,
        Kind::V4 | Kind::V4Base64 => Version::V4,
        Kind::V1 => Version::V1,
    };
    let protocol = Protocol::WebSocket(version, encoding(input.kind));
    let Input { stdin, stdout, stderr, tty, .. } = input;
    let settings = Settings { idle_timeout: Duration::from_secs(60), ..Settings::default() };
    let received = Received::default();
    let wanted = Wanted { stdin, stdout, stderr, tty };
    let session = serve(near, protocol, wanted, &settings, {
        let received = received.clone();
        move |command| read(command, received)
    });
    let client = async {
        let (mut read, mut write) = tokio::io::split(far);
        let speaking = async {
            for step in &input.steps {
                if let Step::Wait(seconds) = step {
                    tokio::time::sleep(Duration::from_secs((*seconds).into())).await;
                }
                if write.write_all(&bytes_of(step, input.kind)).await.is_err() {
                    break;
                }
            }
            drop(write.shutdown().await);
        };
        let listening = async { drop(tokio::io::copy(&mut read, &mut tokio::io::sink()).await) };
        tokio::join!(speaking, listening);
    };
    tokio::join!(session, client);
    compare(&input, &received.0.lock().unwrap_or_else(PoisonError::into_inner));
}

/// What the command has read.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<u8>>>);

/// Reads stdin and all sizes to their ends, and prints a little.
async fn read(command: RemoteCommand, received: Received) -> Outcome {
    let RemoteCommand { stdin, mut stdout, resizes, .. } = command;
    let reading = async {
        let Some(mut stdin) = stdin else { return };
        let mut buffer = [0; 256];
        while let Ok(length @ 1..) = stdin.read(&mut buffer).await {
            received.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..length]);
            if let Some(stdout) = &mut stdout {
                drop(stdout.write_all(&buffer[..length]).await);
            }
        }
    };
    let sizing = async {
        let Some(mut resizes) = resizes else { return };
        while resizes.next().await.is_some() {}
    };
    tokio::join!(reading, sizing);
    Outcome::Exited(0)
}

fn encoding(kind: Kind) -> Encoding {
    if kind == Kind::V4Base64 { Encoding::Base64 } else { Encoding::Binary }
}

fn bytes_of(step: &Step<'_>, kind: Kind) -> Vec<u8> {
    match *step {
        Step::Message { channel, payload } => message(encoding(kind), channel, payload),
        Step::Frame { head, is_masked, payload } => frame(head, is_masked, payload),
        Step::Bytes(bytes) => bytes.to_vec(),
        Step::Wait(_) => Vec::new(),
    }
}

/// A client that goes takes what the command has not read with it; nothing else may be lost, added or changed.
fn compare(input: &Input<'_>, received: &[u8]) {
    let mut sent = Vec::new();
    let mut is_whole = true;
    for step in &input.steps {
        match *step {
            Step::Message { channel: CLOSE, payload: [STDIN, ..] } if input.kind == Kind::V5 => break,
            Step::Message { channel, payload } => {
                let channel = if input.kind == Kind::V4Base64 { channel % 10 } else { channel };
                if channel == STDIN {
                    sent.extend_from_slice(payload);
                }
            }
            Step::Wait(_) => {}
            Step::Frame { .. } | Step::Bytes(_) => {
                is_whole = false;
                break;
            }
        }
    }
    let common = sent.len().min(received.len());
    assert_eq!(sent[..common], received[..common]);
    assert!(!is_whole || received.len() <= sent.len(), "more came than was sent");
}

//! As browsers and other clients speak, and API servers from 1.36 on where the node says that it can.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::DuplexStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use vk_streaming::remote_command::{End, RemoteCommand, Wanted, serve};
use vk_streaming::{Encoding, Outcome, Protocol, Settings, Version};

use crate::commands::{count, hang, pattern, print, show_sizes};

const ALL: Wanted = Wanted { stdin: true, stdout: true, stderr: true, tty: false };
const TERMINAL: Wanted = Wanted { stdin: true, stdout: true, stderr: false, tty: true };

const MINUTE: Duration = Duration::from_secs(60);

type Client = WebSocketStream<DuplexStream>;

async fn start<H, R>(protocol: Protocol, wanted: Wanted, handler: H) -> (Client, JoinHandle<End>)
where
    H: FnOnce(RemoteCommand) -> R + Send + 'static,
    R: Future<Output = Outcome> + Send + 'static,
{
    let (near, far) = tokio::io::duplex(64 * 1024);
    let settings = Settings { linger: Duration::from_secs(20), ..Settings::default() };
    let server = tokio::spawn(async move { serve(near, protocol, wanted, &settings, handler).await });
    (WebSocketStream::from_raw_socket(far, Role::Client, None).await, server)
}

const V5: Protocol = Protocol::WebSocket(Version::V5, Encoding::Binary);

/// Everything that comes on each channel until the server closes.
async fn everything(client: &mut Client) -> [Vec<u8>; 5] {
    let mut channels: [Vec<u8>; 5] = Default::default();
    while let Some(Ok(message)) = client.next().await {
        if let Message::Binary(bytes) = message {
            channels[usize::from(bytes[0])].extend_from_slice(&bytes[1..]);
        }
    }
    channels
}

fn binary(channel: u8, payload: &[u8]) -> Message {
    Message::Binary([&[channel], payload].concat().into())
}

#[tokio::test]
async fn stdin_ends_alone_and_the_exit_code_comes_last() {
    let (mut client, server) = start(V5, ALL, count).await;
    // The beginning is shown by an empty message on the first channel that is written.
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Binary(Bytes::from_static(&[1])));
    client.send(binary(0, b"hello")).await.unwrap();
    client.send(binary(255, &[0])).await.unwrap();
    let [_, stdout, stderr, error, _] = everything(&mut client).await;
    assert_eq!((stdout, stderr), (b"hello".to_vec(), b"5 bytes".to_vec()));
    let error = String::from_utf8(error).unwrap();
    assert!(error.contains("\"ExitCode\"") && error.contains("\"3\""), "{error}");
    assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(3)));
}

#[tokio::test]
async fn base64_goes_in_text_messages() {
    let protocol = Protocol::WebSocket(Version::V4, Encoding::Base64);
    let wanted = Wanted { stdin: true, stdout: true, stderr: true, tty: true };
    let (mut client, _server) = start(protocol, wanted, show_sizes).await;
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Text("1".into()));
    // {"Width":80,"Height":24}
    client.send(Message::Text("4eyJXaWR0aCI6ODAsIkhlaWdodCI6MjR9".into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Text("1ODB4MjQK".into()));
    client.send(Message::Text("0not base64".into())).await.unwrap();
}

#[tokio::test]
async fn a_terminal_has_sizes() {
    let (mut client, _server) = start(V5, TERMINAL, show_sizes).await;
    client.next().await.unwrap().unwrap();
    client.send(binary(4, br#"{"Width":80,"Height":24}"#)).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), binary(1, b"80x24\n"));
    client.send(binary(4, br#"{"Width":0,"Height":0}"#)).await.unwrap();
    let [_, stdout, _, error, _] = everything(&mut client).await;
    assert_eq!(stdout, b"");
    assert!(String::from_utf8(error).unwrap().contains("Success"));
}

#[tokio::test]
async fn nothing_is_lost_on_a_slow_reader() {
    const LENGTH: usize = 32 * 1024 * 1024;
    let wanted = Wanted { stdout: true, ..Wanted::default() };
    let (mut client, server) = start(V5, wanted, |command| print(command, LENGTH)).await;
    let mut stdout = Vec::with_capacity(LENGTH);
    while stdout.len() < LENGTH {
        let Message::Binary(bytes) = client.next().await.unwrap().unwrap() else { continue };
        stdout.extend_from_slice(&bytes[1..]);
        sleep(Duration::from_millis(1)).await;
    }
    assert!(stdout == pattern(LENGTH));
    let [_, rest, _, error, _] = everything(&mut client).await;
    assert_eq!(rest, b"");
    assert!(String::from_utf8(error).unwrap().contains("Success"));
    assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(0)));
}

#[tokio::test]
async fn a_client_that_goes_takes_its_command_with_it() {
    for politely in [true, false] {
        let dropped = Arc::new(Notify::new());
        let bell = dropped.clone();
        let (mut client, server) = start(V5, TERMINAL, |command| hang(command, bell, true)).await;
        client.next().await.unwrap().unwrap();
        if politely {
            client.close(None).await.unwrap();
        }
        drop(client);
        timeout(Duration::from_secs(10), dropped.notified()).await.unwrap();
        assert_eq!(server.await.unwrap(), End::ClientGone);
    }
}

/// The command does not read, the client has written more than fits, and goes: only writing can show that.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_is_noticed_while_its_bytes_wait() {
    let dropped = Arc::new(Notify::new());
    let bell = dropped.clone();
    let (mut client, server) = start(V5, TERMINAL, |command| hang(command, bell, false)).await;
    client.next().await.unwrap().unwrap();
    let flood = async {
        loop {
            client.send(binary(0, &pattern(32 * 1024))).await.unwrap();
        }
    };
    assert!(timeout(Duration::from_secs(1), flood).await.is_err());
    drop(client);
    timeout(Duration::from_secs(5), dropped.notified()).await.unwrap();
    assert_eq!(server.await.unwrap(), End::ClientGone);
}

/// client-go pings every 5 s and gives up after 61 s in which no pong came, whatever else comes. Nor is it asked for anything,
/// which it would have to write behind bytes that nobody reads.
#[tokio::test(start_paused = true)]
async fn a_client_whose_bytes_wait_hears_that_the_node_is_there() {
    let dropped = Arc::new(Notify::new());
    let (client, _server) = start(V5, TERMINAL, |command| hang(command, dropped, false)).await;
    let (mut sink, mut source) = client.split();
    let flood = async {
        loop {
            sink.send(binary(0, &pattern(32 * 1024))).await.unwrap();
        }
    };
    assert!(timeout(Duration::from_secs(5), flood).await.is_err());
    let mut pongs = 0;
    let listening = async {
        while let Some(message) = source.next().await {
            match message.unwrap() {
                Message::Pong(_) => pongs += 1,
                Message::Ping(_) => panic!("a question"),
                _ => {}
            }
        }
    };
    assert!(timeout(10 * MINUTE, listening).await.is_err());
    assert!(pongs > 60, "{pongs} signs in ten minutes");
}

/// The transport is there, and nobody answers: that alone is no reason to end. That nothing moves is one.
#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_kept_until_the_idle_timeout() {
    let dropped = Arc::new(Notify::new());
    let bell = dropped.clone();
    let (_client, mut server) = start(V5, TERMINAL, |command| hang(command, bell, true)).await;
    assert!(timeout(10 * MINUTE, &mut server).await.is_err());
    assert!(matches!(timeout(240 * MINUTE, server).await.unwrap().unwrap(), End::Broken(_)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_ends_with_the_idle_timeout() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let wanted = Wanted { stdout: true, ..Wanted::default() };
    let (_client, mut server) = start(V5, wanted, |command| print(command, LENGTH)).await;
    assert!(timeout(230 * MINUTE, &mut server).await.is_err());
    assert!(matches!(timeout(20 * MINUTE, server).await.unwrap().unwrap(), End::Broken(_)));
}

/// It sends nothing all the while, and answers pings only when it reads, as most libraries do.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_for_ten_minutes_gets_every_byte_and_the_status() {
    const LENGTH: usize = 2 * 1024 * 1024;
    for length in [LENGTH, 1000] {
        let wanted = Wanted { stdout: true, ..Wanted::default() };
        let (mut client, server) = start(V5, wanted, move |command| print(command, length)).await;
        sleep(10 * MINUTE).await;
        let [_, stdout, _, error, _] = everything(&mut client).await;
        assert!(stdout == pattern(length), "{} bytes", stdout.len());
        assert!(String::from_utf8(error).unwrap().contains("Success"));
        assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(0)));
    }
}

/// The command has ended, and what is left takes much longer than `linger`.
#[tokio::test(start_paused = true)]
async fn the_tail_is_not_cut_while_the_client_reads() {
    const LENGTH: usize = 1024 * 1024;
    let wanted = Wanted { stdout: true, ..Wanted::default() };
    let (mut client, server) = start(V5, wanted, |command| print(command, LENGTH)).await;
    let (mut received, mut status) = (0, Vec::new());
    while let Some(Ok(message)) = client.next().await {
        match message {
            Message::Binary(bytes) if bytes[0] == 1 => received += bytes.len() - 1,
            Message::Binary(bytes) => status.extend_from_slice(&bytes[1..]),
            _ => {}
        }
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(received, LENGTH);
    assert!(String::from_utf8(status).unwrap().contains("Success"));
    assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(0)));
}

#[tokio::test(start_paused = true)]
async fn what_the_command_does_not_read_is_bounded_in_bytes() {
    let dropped = Arc::new(Notify::new());
    let (mut client, _server) = start(V5, TERMINAL, |command| hang(command, dropped, false)).await;
    client.next().await.unwrap().unwrap();
    let mut sent = 0;
    let flood = async {
        loop {
            client.send(binary(0, &[7; 1024 * 1024])).await.unwrap();
            sent += 1;
        }
    };
    assert!(timeout(MINUTE, flood).await.is_err());
    assert!(sent <= 1, "{sent} MiB wait for a command that does not read");
}

/// Thousands of sizes, none of which the command looks at, hold up no byte of its stdin.
#[tokio::test(start_paused = true)]
async fn sizes_that_nobody_reads_hold_nothing_up() {
    let (mut client, _server) = start(V5, TERMINAL, |mut command| async move {
        let sizes = command.resizes.take();
        let outcome = count(command).await;
        assert_eq!(sizes.unwrap().next().await.map(|size| size.width), Some(4999));
        outcome
    })
    .await;
    for width in 0..5000 {
        client.feed(binary(4, format!("{{\"Width\":{width},\"Height\":24}}").as_bytes())).await.unwrap();
    }
    client.send(binary(0, b"hello")).await.unwrap();
    client.send(binary(255, &[0])).await.unwrap();
    let [_, stdout, _, error, _] = timeout(MINUTE, everything(&mut client)).await.expect("stdin waits for sizes");
    assert_eq!(stdout, b"hello");
    assert!(!error.is_empty());
}

#[tokio::test]
async fn messages_that_say_nothing_or_too_much_are_no_harm() {
    let (mut client, _server) = start(V5, ALL, count).await;
    for message in
        [binary(9, b"x"), binary(1, b"x"), Message::Binary(Bytes::new()), binary(255, &[]), binary(255, &[7])]
    {
        client.send(message).await.unwrap();
    }
    client.send(binary(255, &[0])).await.unwrap();
    let [_, stdout, ..] = everything(&mut client).await;
    assert_eq!(stdout, b"");

    let (mut client, server) = start(V5, ALL, count).await;
    let long = Message::Binary(vec![0; 5 * 1024 * 1024].into());
    drop(client.send(long).await);
    assert!(matches!(server.await.unwrap(), End::Broken(_)));
}

//! As every API server speaks to its kubelets.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use spdy::{Connection, Headers, Role, Session, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use vk_streaming::remote_command::{End, RemoteCommand, Wanted, serve};
use vk_streaming::{Outcome, Protocol, Settings, Version};

use crate::commands::{count, hang, pattern, print, show_sizes};

const ALL: Wanted = Wanted { stdin: true, stdout: true, stderr: true, tty: false };
const TERMINAL: Wanted = Wanted { stdin: true, stdout: true, stderr: false, tty: true };

struct Client {
    session: Session,
    transport: JoinHandle<()>,
}

impl Client {
    fn new(io: DuplexStream) -> Self {
        let (session, _incoming, connection) = Connection::new(io, Role::Client, spdy::Settings::default());
        let transport = tokio::spawn(async move { drop(connection.run().await) });
        Self { session, transport }
    }

    async fn open(&self, kind: &str) -> Stream {
        self.session.open(Headers::from_pairs([("streamType", kind)])).await.unwrap()
    }
}

fn start<H, R>(version: Version, wanted: Wanted, pipe: usize, handler: H) -> (Client, JoinHandle<End>)
where
    H: FnOnce(RemoteCommand) -> R + Send + 'static,
    R: Future<Output = Outcome> + Send + 'static,
{
    let (near, far) = tokio::io::duplex(pipe);
    let settings = Settings { linger: Duration::from_secs(20), ..Settings::default() };
    let server = async move { serve(near, Protocol::Spdy(version), wanted, &settings, handler).await };
    (Client::new(far), tokio::spawn(server))
}

async fn text(mut stream: Stream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_command_has_its_streams_and_its_exit_code() {
    let (client, server) = start(Version::V4, ALL, 4096, count);
    let error = client.open("error").await;
    let (mut stdin, stdout, stderr) =
        (client.open("stdin").await, client.open("stdout").await, client.open("stderr").await);
    stdin.write_all(b"hello").await.unwrap();
    stdin.shutdown().await.unwrap();
    assert_eq!(text(stdout).await, "hello");
    assert_eq!(text(stderr).await, "5 bytes");
    let status: Value = serde_json::from_str(&text(error).await).unwrap();
    assert_eq!(status["details"]["causes"][0]["message"], "3");
    // Clients take this for the end of what they may write.
    assert_eq!(text(stdin).await, "");
    client.transport.abort();
    assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(3)));
}

#[tokio::test]
async fn the_first_version_tells_in_words() {
    let (client, _server) = start(Version::V1, ALL, 4096, count);
    let error = client.open("error").await;
    let streams = [client.open("stdin").await, client.open("stdout").await, client.open("stderr").await];
    let [mut stdin, _stdout, _stderr] = streams;
    stdin.shutdown().await.unwrap();
    assert_eq!(text(error).await, "command terminated with non-zero exit code: 3");
}

#[tokio::test]
async fn a_terminal_has_sizes() {
    let (client, _server) = start(Version::V3, TERMINAL, 4096, show_sizes);
    let (_error, _stdin, mut stdout) =
        (client.open("error").await, client.open("stdin").await, client.open("stdout").await);
    let mut resize = client.open("resize").await;
    for (width, shown) in [(80, "80x24\n"), (99, "99x24\n")] {
        resize.write_all(format!("{{\"Width\":{width},\"Height\":24}}").as_bytes()).await.unwrap();
        let mut seen = [0; 6];
        stdout.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, shown.as_bytes());
    }
    resize.write_all(br#"{"Width":0,"Height":0}"#).await.unwrap();
    assert_eq!(text(stdout).await, "");
}

#[tokio::test]
async fn nothing_is_lost_on_a_slow_reader() {
    const LENGTH: usize = 32 * 1024 * 1024;
    let wanted = Wanted { stdout: true, ..Wanted::default() };
    let (client, server) = start(Version::V4, wanted, 64 * 1024, |command| print(command, LENGTH));
    let (error, mut stdout) = (client.open("error").await, client.open("stdout").await);
    let mut received = Vec::with_capacity(LENGTH);
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let bytes = stdout.read(&mut chunk).await.unwrap();
        if bytes == 0 {
            break;
        }
        received.extend_from_slice(&chunk[..bytes]);
        sleep(Duration::from_millis(1)).await;
    }
    assert!(received == pattern(LENGTH), "{} bytes", received.len());
    assert!(text(error).await.contains("Success"));
    client.transport.abort();
    assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(0)));
}

#[tokio::test]
async fn a_client_that_goes_takes_its_command_with_it() {
    let dropped = Arc::new(Notify::new());
    let bell = dropped.clone();
    let (client, server) = start(Version::V4, TERMINAL, 4096, |command| hang(command, bell, true));
    let mut streams = Vec::new();
    for kind in ["error", "stdin", "stdout", "resize"] {
        streams.push(client.open(kind).await);
    }
    streams[3].reply().await.unwrap();
    client.transport.abort();
    timeout(Duration::from_secs(10), dropped.notified()).await.unwrap();
    assert_eq!(server.await.unwrap(), End::ClientGone);
}

#[tokio::test]
async fn streams_that_were_not_asked_for_are_refused() {
    let wanted = Wanted { stdout: true, ..Wanted::default() };
    let (client, _server) = start(Version::V4, wanted, 4096, |command| print(command, 1));
    for kind in ["stdin", "stderr", "resize", "unknown", ""] {
        assert!(client.open(kind).await.reply().await.is_err(), "{kind}");
    }
    let mut first = client.open("stdout").await;
    first.reply().await.unwrap();
    assert!(client.open("stdout").await.reply().await.is_err());
    let _error = client.open("error").await;
    assert_eq!(text(first).await, "\0");
}

/// A session that has begun needs no more of them, and nobody would ever look at them.
#[tokio::test(start_paused = true)]
async fn streams_that_come_too_late_are_refused() {
    let dropped = Arc::new(Notify::new());
    let (client, _server) = start(Version::V4, TERMINAL, 4096, |command| hang(command, dropped, true));
    let mut streams = Vec::new();
    for kind in ["error", "stdin", "stdout", "resize"] {
        let mut stream = client.open(kind).await;
        stream.reply().await.unwrap();
        streams.push(stream);
    }
    for kind in ["stdin", "stderr", "unknown"].repeat(10) {
        let mut late = client.open(kind).await;
        let reply = timeout(Duration::from_secs(10), late.reply()).await.expect("nobody answers");
        assert!(reply.is_err(), "{kind}");
        streams.push(late);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_for_ten_minutes_gets_every_byte_and_the_status() {
    const LENGTH: usize = 2 * 1024 * 1024;
    for length in [LENGTH, 1000] {
        let wanted = Wanted { stdout: true, ..Wanted::default() };
        let (client, server) = start(Version::V4, wanted, 64 * 1024, move |command| print(command, length));
        let (error, mut stdout) = (client.open("error").await, client.open("stdout").await);
        sleep(Duration::from_secs(600)).await;
        let mut received = Vec::new();
        stdout.read_to_end(&mut received).await.unwrap();
        assert!(received == pattern(length), "{} bytes", received.len());
        assert!(text(error).await.contains("Success"));
        client.transport.abort();
        assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(0)));
    }
}

/// The command has ended, and what is left takes much longer than `linger`.
#[tokio::test(start_paused = true)]
async fn the_tail_is_not_cut_while_the_client_reads() {
    // Much more than the client's side of the connection takes in.
    const LENGTH: usize = 1024 * 1024;
    let wanted = Wanted { stdout: true, ..Wanted::default() };
    let (client, server) = start(Version::V4, wanted, 1024, |command| print(command, LENGTH));
    let (error, mut stdout) = (client.open("error").await, client.open("stdout").await);
    let (mut received, mut chunk) = (0, vec![0; 16 * 1024]);
    loop {
        let bytes = stdout.read(&mut chunk).await.unwrap();
        if bytes == 0 {
            break;
        }
        received += bytes;
        sleep(Duration::from_secs(15)).await;
    }
    assert_eq!(received, LENGTH);
    assert!(text(error).await.contains("Success"));
    client.transport.abort();
    assert_eq!(server.await.unwrap(), End::Told(Outcome::Exited(0)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_begins_is_let_go() {
    let (client, server) = start(Version::V4, ALL, 4096, count);
    let _error = client.open("error").await;
    assert_eq!(timeout(Duration::from_secs(120), server).await.unwrap().unwrap(), End::NeverBegan);
}

/// The command does not read, the client has written more than fits, and goes: only writing can show that.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_is_noticed_while_its_bytes_wait() {
    let dropped = Arc::new(Notify::new());
    let bell = dropped.clone();
    let (client, server) = start(Version::V4, TERMINAL, 4096, |command| hang(command, bell, false));
    let mut streams = Vec::new();
    for kind in ["error", "stdin", "stdout", "resize"] {
        streams.push(client.open(kind).await);
    }
    let bytes = pattern(8 * 1024 * 1024);
    let flood = streams[1].write_all(&bytes);
    assert!(timeout(Duration::from_secs(1), flood).await.is_err());
    client.transport.abort();
    timeout(Duration::from_secs(5), dropped.notified()).await.unwrap();
    assert_eq!(server.await.unwrap(), End::ClientGone);
}

/// Thousands of sizes, none of which the command looks at, hold up no byte of its stdin.
#[tokio::test(start_paused = true)]
async fn sizes_that_nobody_reads_hold_nothing_up() {
    let (client, _server) = start(Version::V4, TERMINAL, 4096, |mut command| async move {
        let sizes = command.resizes.take();
        let outcome = count(command).await;
        assert_eq!(sizes.unwrap().next().await.map(|size| size.width), Some(19_999));
        outcome
    });
    let (error, mut stdin, stdout) =
        (client.open("error").await, client.open("stdin").await, client.open("stdout").await);
    let mut resize = client.open("resize").await;
    let telling = async {
        for width in 0..20_000 {
            resize.write_all(format!("{{\"Width\":{width},\"Height\":24}}").as_bytes()).await.unwrap();
        }
        sleep(Duration::from_secs(1)).await;
        stdin.write_all(b"hello").await.unwrap();
        stdin.shutdown().await.unwrap();
        (text(stdout).await, text(error).await)
    };
    let (stdout, status) = timeout(Duration::from_secs(600), telling).await.expect("stdin waits for sizes");
    assert_eq!(stdout, "hello");
    assert!(status.contains("\"3\""), "{status}");
}

//! Go's `spdystream`, which Kubernetes uses, as the other side. Its program is in `test/spdystream`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use spdy::{Connection, End, Headers, Incoming, Request, ResetStatus, Role, Settings};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// The Go program, built once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spdystream");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/spdystream");
        let built = Command::new("go").arg("build").arg("-o").arg(&program).arg(".").current_dir(sources).status();
        assert!(built.is_ok_and(|status| status.success()), "this test needs Go 1.26 or newer");
        program
    })
}

fn start(arguments: &[&str]) -> Child {
    let mut command = tokio::process::Command::new(program());
    command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

async fn serve(mut incoming: Incoming) {
    while let Some(request) = incoming.next().await {
        tokio::spawn(answer(request));
    }
}

async fn answer(request: Request) {
    let headers = request.headers().clone();
    match headers.get("kind").unwrap_or_default() {
        "echo" => {
            let (mut receive, mut send) = request.accept(Headers::default()).into_split();
            tokio::io::copy(&mut receive, &mut send).await.unwrap();
            send.shutdown().await.unwrap();
        }
        "headers" => {
            let (mut receive, mut send) = request.accept(Headers::default()).into_split();
            send.write_all(headers.get_all("x-value").join(",").as_bytes()).await.unwrap();
            send.shutdown().await.unwrap();
            receive.read_to_end(&mut Vec::new()).await.unwrap();
        }
        "reset" => request.accept(Headers::default()).reset(ResetStatus::InternalError),
        _ => request.refuse(ResetStatus::RefusedStream),
    }
}

#[tokio::test]
async fn a_go_client_gets_what_it_asks_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = start(&["client", &address]);
    let (transport, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let (session, incoming, connection) = Connection::new(transport, Role::Server, Settings::default());
    tokio::spawn(serve(incoming));
    let running = tokio::spawn(connection.run());
    let mut checks = String::new();
    timeout(PATIENCE, client.stdout.take().unwrap().read_to_string(&mut checks)).await.unwrap().unwrap();
    assert_eq!(checks, "echo\nmany\nheaders\nreset\nping\n");
    assert!(client.wait().await.unwrap().success());
    let end = timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
    assert_eq!(end, End::PeerClosed { open_streams: 0 });
    drop(session);
}

#[tokio::test]
async fn a_go_server_is_understood() {
    let mut server = start(&["server"]);
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).await.unwrap();
    let transport = TcpStream::connect(address.trim()).await.unwrap();
    let (session, _incoming, connection) = Connection::new(transport, Role::Client, Settings::default());
    let running = tokio::spawn(connection.run());

    let mut stream = session.open(Headers::from_pairs([("Kind", "echo")])).await.unwrap();
    assert_eq!(stream.reply().await.unwrap().get_all("answer"), ["echo", "twice"]);
    let sent: Vec<u8> = (0..4 * 1024 * 1024).map(|index| (index % 251) as u8).collect();
    let (mut receive, mut send) = stream.into_split();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        send.write_all(&sent).await.unwrap();
        send.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    timeout(PATIENCE, receive.read_to_end(&mut received)).await.unwrap().unwrap();
    assert!(received == expected, "{} bytes went, {} others came", expected.len(), received.len());
    writer.await.unwrap();

    let mut refused = session.open(Headers::from_pairs([("kind", "unknown")])).await.unwrap();
    assert!(timeout(PATIENCE, refused.reply()).await.unwrap().is_err());
    let mut reset = session.open(Headers::from_pairs([("kind", "reset")])).await.unwrap();
    assert!(timeout(PATIENCE, reset.read(&mut [0])).await.unwrap().is_err());

    session.close();
    assert_eq!(timeout(PATIENCE, running).await.unwrap().unwrap().unwrap(), End::Closed);
    assert!(timeout(PATIENCE, server.wait()).await.unwrap().unwrap().success());
}

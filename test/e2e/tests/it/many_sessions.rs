//! Ten thousand sessions on one node in which nothing moves, their client a process of its own: this one.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::client::ConfigExt;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls_pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stage::{Environment, Identity, Stage, client_config, eventually, seconds_of, sleeper};

const SESSIONS: usize = 10_000;
/// Sessions that are begun side by side: fewer than the node lets in without having authenticated.
const SIDE_BY_SIDE: usize = 64;
/// What an agent has open that does nothing is far less.
const FEW_FILES: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn ten_thousand_idle_sessions_do_not_stop_a_new_one() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = stage.command("mock");
    stage.start(&mut command);
    stage.until_ready();
    stage.create_pod("shell", json!({ "containers": [sleeper("main")] }));
    stage.until_running("shell");
    let agent = stage.agent().id();
    let at_rest = resident(agent);

    let client = Client::new(&stage);
    let ended = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    seconds_of("ten thousand sessions begin within", || {
        runtime.block_on(async {
            let mut beginning = stream::iter(0..SESSIONS).map(|_| client.begin()).buffer_unordered(SIDE_BY_SIDE);
            while let Some(session) = beginning.next().await {
                let (session, ended) = (session.unwrap(), ended.clone());
                tokio::spawn(async move {
                    stay(session).await;
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
    });
    eprintln!("    a session takes {} KiB of the agent", (resident(agent) - at_rest) / SESSIONS);
    seconds_of("one more session, through the API server, takes", || {
        assert_eq!(stage.kubectl().ok(&["exec", "shell", "--", "echo", "still here"]), "still here\n");
    });
    // Each of them has been asked at least once whether it is still there.
    thread::sleep(Duration::from_secs(20));
    assert_eq!(ended.load(Ordering::SeqCst), 0, "sessions have ended");
    assert!(open_files(agent) > SESSIONS);

    drop(runtime);
    eventually("the agent lets go of what its clients had", || {
        let open = open_files(agent);
        if open < FEW_FILES { Ok(()) } else { Err(format!("{open} files are open")) }
    });
    assert_eq!(stage.kubectl().ok(&["exec", "shell", "--", "echo", "and now"]), "and now\n");
}

/// An administrator who comes straight to the node.
struct Client {
    tls: TlsConnector,
    address: String,
    host: ServerName<'static>,
    request: String,
}

impl Client {
    fn new(stage: &Stage) -> Self {
        let cluster = &stage.environment().cluster;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = runtime.block_on(client_config(&cluster.admin_kubeconfig()));
        let mut tls = config.rustls_client_config().unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let port = &stage.node().unwrap()["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"];
        let request = format!(
            "GET /exec/{}/shell/main?command=sleep&command=infinity&output=1 HTTP/1.1\r\nHost: node\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n",
            stage.name()
        );
        Self {
            tls: TlsConnector::from(Arc::new(tls)),
            address: format!("{}:{port}", cluster.address()),
            host: cluster.address().into(),
            request,
        }
    }

    /// Begins a session; returns with the first message, which says that the command runs.
    async fn begin(&self) -> io::Result<TlsStream<TcpStream>> {
        let begin = async {
            let stream = TcpStream::connect(&self.address).await?;
            let mut stream = self.tls.connect(self.host.clone(), stream).await?;
            stream.write_all(self.request.as_bytes()).await?;
            stream.flush().await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            if !head.starts_with(b"HTTP/1.1 101") {
                return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
            }
            // An empty message on the channel of stdout.
            let mut first = [0; 3];
            stream.read_exact(&mut first).await?;
            if first == [0x82, 1, 1] { Ok(stream) } else { Err(io::Error::other(format!("{first:?}"))) }
        };
        timeout(PATIENCE, begin).await?
    }
}

/// Answers pings (RFC 6455, section 5.5.2) until the other side ends.
async fn stay(mut session: TlsStream<TcpStream>) {
    const EMPTY_PING: [u8; 2] = [0x89, 0];
    const EMPTY_PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
    let mut frame = [0; 2];
    while session.read_exact(&mut frame).await.is_ok() && frame == EMPTY_PING {
        if session.write_all(&EMPTY_PONG).await.is_err() || session.flush().await.is_err() {
            break;
        }
    }
}

fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// KiB of memory that are in use.
fn resident(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

//! A way to the API server on which WebSockets are refused, as proxies do that do not know them, and all else comes through.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::stage::{AgentProcess, Stage, pass};

/// More than any request's head takes here.
const HEAD_BYTES: usize = 64 << 10;

/// Takes plain HTTP. `kubectl proxy` behind it speaks to the API server, as the administrator.
pub(super) struct RefusingProxy {
    address: SocketAddr,
    tally: Arc<Tally>,
    _behind: AgentProcess,
}

#[derive(Default)]
struct Tally {
    refused: AtomicU32,
    spdy: AtomicU32,
}

impl RefusingProxy {
    /// Refuses with this status.
    pub(super) fn start(stage: &Stage, status: u16) -> Self {
        let cluster = &stage.environment().cluster;
        let mut command = Command::new(cluster.programs().join("kubectl"));
        command.envs(cluster.environment()).args(["proxy", "--port=0", "--disable-filter"]);
        let log = stage.write(&format!("proxy-{status}.log"), "");
        let mut behind = AgentProcess::start(&mut command, cluster, &log);
        let line = behind.until_log("Starting to serve on ");
        let target: SocketAddr = line.rsplit(' ').next().unwrap().trim().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, tally) = (listener.local_addr().unwrap(), Arc::<Tally>::default());
        let told = tally.clone();
        // Ends with the process of the tests.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let tally = told.clone();
                thread::spawn(move || serve(client, target, status, &tally));
            }
        });
        Self { address, tally, _behind: behind }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// WebSockets that were refused.
    pub(super) fn refused(&self) -> u32 {
        self.tally.refused.load(Ordering::SeqCst)
    }

    /// Connections that were upgraded to SPDY.
    pub(super) fn spdy(&self) -> u32 {
        self.tally.spdy.load(Ordering::SeqCst)
    }
}

/// Whoever wants an upgrade makes a connection for it, so the first head decides.
fn serve(mut client: TcpStream, target: SocketAddr, status: u16, tally: &Tally) {
    let Some(head) = read_head(&mut client) else { return };
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if text.contains("\r\nupgrade: websocket\r\n") {
        tally.refused.fetch_add(1, Ordering::SeqCst);
        let answer = format!("HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        // A client that goes first has heard enough.
        let _ = client.write_all(answer.as_bytes());
        return;
    }
    if text.contains("\r\nupgrade: spdy/3.1\r\n") {
        tally.spdy.fetch_add(1, Ordering::SeqCst);
    }
    let Ok(mut server) = TcpStream::connect(target) else { return };
    if server.write_all(&head).is_ok() {
        pass(&client, &server);
        pass(&server, &client);
    }
}

/// Everything up to the end of the first head, and perhaps more.
fn read_head(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let length = client.read(&mut piece).ok().filter(|length| *length > 0)?;
        head.extend_from_slice(&piece[..length]);
        if head.len() > HEAD_BYTES {
            return None;
        }
    }
    Some(head)
}

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

struct Server {
    address: std::net::SocketAddr,
    readiness: watch::Sender<Readiness>,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Counted(Registry);

impl MetricsSource for Counted {
    fn open_metrics(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

async fn server() -> Server {
    let mut registry = Registry::default();
    let counter: Counter = Counter::default();
    counter.inc_by(3);
    registry.register("pods_created", "Pods created", counter);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (readiness, receiver) = watch::channel(Readiness::NotReady("waiting for the API server".to_owned()));
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, Arc::new(Counted(registry)), receiver, shutdown.clone()));
    Server { address, readiness, shutdown, serving }
}

async fn get(server: &Server, request: &str) -> String {
    send(server, request, "").await
}

async fn send(server: &Server, request: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(format!("{request} HTTP/1.1\r\nhost: a\r\n{headers}connection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn metrics_are_served_in_the_format_that_is_asked_for() {
    let server = server().await;
    let answer = get(&server, "GET /metrics").await;
    for part in ["200 OK", "text/plain; version=0.0.4", "# TYPE pods_created_total counter\npods_created_total 3"] {
        assert!(answer.contains(part), "{answer}");
    }
    let answer = send(&server, "GET /metrics", "accept: application/openmetrics-text;version=1.0.0\r\n").await;
    for part in ["200 OK", "application/openmetrics-text", "# TYPE pods_created counter\npods_created_total 3", "# EOF"]
    {
        assert!(answer.contains(part), "{answer}");
    }
}

#[tokio::test]
async fn readiness_says_why_not_and_follows() {
    let server = server().await;
    let answer = get(&server, "GET /readyz").await;
    assert!(answer.contains("503") && answer.contains("waiting for the API server"), "{answer}");
    assert!(get(&server, "GET /healthz").await.contains("200 OK"));
    server.readiness.send(Readiness::Ready).unwrap();
    assert!(get(&server, "GET /readyz").await.contains("200 OK"));
}

/// What looks after the process is to start it again.
#[tokio::test]
async fn a_node_that_has_failed_is_not_healthy() {
    let server = server().await;
    server.readiness.send(Readiness::Failed("the pod controller has ended".to_owned())).unwrap();
    for path in ["/healthz", "/livez", "/readyz"] {
        let answer = get(&server, &format!("GET {path}")).await;
        assert!(answer.contains("HTTP/1.1 50") && answer.contains("the pod controller has ended"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn nothing_else_is_served_and_the_end_is_the_end() {
    let server = server().await;
    assert!(get(&server, "GET /debug").await.contains("404"));
    assert!(get(&server, "POST /metrics").await.contains("405"));
    server.shutdown.cancel();
    server.serving.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

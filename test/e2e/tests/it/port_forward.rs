//! `kubectl port-forward`, by both ways that kubectl knows.

pub(crate) mod forwarder;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use bytes::Bytes;
use forwarder::{Forwarder, WAYS, kubectls};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::stage::{Environment, Identity, RUN_UNTIL_STOPPED, Stage, eventually, script, sleeper};

under_both_identities! {
    ports_inside_docker_pods_are_reached
    many_connections_to_mock_pods_go_on_at_once
}

const PARALLEL: usize = 200;

/// A server that ends after each answer, on addresses that nobody reaches from outside the pod.
fn ports_inside_docker_pods_are_reached(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let serve = format!(
        "mkdir -p /tmp/www; echo from inside >/tmp/www/index.html
        httpd -p 127.0.0.1:8001 -h /tmp/www; httpd -p 8002 -h /tmp/www
        {RUN_UNTIL_STOPPED}"
    );
    stage.create_pod("web", json!({ "containers": [script("main", &serve)] }));
    stage.until_running("web");
    for kubectl in kubectls(&stage) {
        for way in WAYS {
            let ports = ["8001", "8002", "8999"];
            let forwarder = Forwarder::start(&kubectl, &stage, way, "web", &ports);
            for port in ["8001", "8002"] {
                eventually("an answer", || {
                    let answer = get(&forwarder, port)?;
                    if answer.ends_with("from inside\n") { Ok(()) } else { Err(answer) }
                });
            }
            at_once(&forwarder, |forwarder| {
                get(forwarder, "8001").is_ok_and(|answer| answer.ends_with("from inside\n"))
            });
            // Nothing listens here, and whoever forwards is told so.
            let nothing = get(&forwarder, "8999").unwrap_or_default();
            assert_eq!(nothing, "", "{way}");
            let told = forwarder.until_said("error forwarding port 8999");
            assert!(told.contains("connection refused") || told.contains("Connection refused"), "{way}: {told}");
        }
    }
}

fn many_connections_to_mock_pods_go_on_at_once(identity: Identity) {
    let mut stage = Stage::open(&Environment::read(), identity);
    let mut command = stage.command("mock");
    stage.start(&mut command);
    stage.until_ready();
    stage.create_pod("web", json!({ "containers": [sleeper("main")] }));
    stage.until_running("web");
    for kubectl in kubectls(&stage) {
        for way in WAYS {
            let forwarder = Forwarder::start(&kubectl, &stage, way, "web", &["7", "80"]);
            keep_alive(&forwarder, &format!("mock pod {}/web: GET", stage.name()));
            at_once(&forwarder, |forwarder| {
                let sent: Vec<u8> = (0..50_000u32).map(|index| (index % 251) as u8).collect();
                echo(forwarder, &sent).is_ok_and(|back| back == sent)
            });
        }
    }
}

pub(crate) fn get(forwarder: &Forwarder, port: &str) -> Result<String, String> {
    let mut connection = forwarder.connect(port)?;
    let mut answer = String::new();
    let asked = connection.write_all(b"GET / HTTP/1.0\r\n\r\n");
    asked.and_then(|()| connection.read_to_string(&mut answer)).map_err(|error| error.to_string())?;
    Ok(answer)
}

fn echo(forwarder: &Forwarder, sent: &[u8]) -> Result<Vec<u8>, String> {
    let connection = forwarder.connect("7")?;
    let text = |error: std::io::Error| error.to_string();
    let mut writer = connection.try_clone().map_err(text)?;
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            writer.write_all(sent)?;
            writer.shutdown(Shutdown::Write)
        });
        let mut back = vec![0; sent.len()];
        let mut reader: &TcpStream = &connection;
        reader.read_exact(&mut back).map_err(text)?;
        writing.join().unwrap().map_err(text)?;
        Ok(back)
    })
}

/// Two hundred connections side by side.
fn at_once(forwarder: &Forwarder, one: impl Fn(&Forwarder) -> bool + Sync) {
    let well = thread::scope(|scope| {
        let running: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(|| one(forwarder))).collect();
        running.into_iter().map(|running| running.join().unwrap()).filter(|well| *well).count()
    });
    assert_eq!(well, PARALLEL, "{}", forwarder.said());
}

/// Several requests on one connection.
fn keep_alive(forwarder: &Forwarder, expected: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connection = forwarder.connect("80").unwrap();
    connection.set_nonblocking(true).unwrap();
    runtime.block_on(async {
        let stream = TokioIo::new(tokio::net::TcpStream::from_std(connection).unwrap());
        let (mut sender, driver) = http1::handshake(stream).await.unwrap();
        let driving = tokio::spawn(driver);
        for path in ["/a", "/b", "/c"] {
            let request = Request::get(path).header("host", "pod").body(Empty::<Bytes>::new()).unwrap();
            let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
            assert_eq!(answer, format!("{expected} {path}\n"));
        }
        drop(sender);
        driving.await.unwrap().unwrap();
    });
}

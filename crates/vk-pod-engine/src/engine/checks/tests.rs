use serde_json::{Value, json};

use super::*;

fn action(probe: Value, ip: Option<&str>) -> Result<Action> {
    let container: Container = serde_json::from_value(json!({
        "name": "web", "ports": [{"name": "http", "containerPort": 8080}], "readinessProbe": probe,
    }))
    .unwrap();
    let id = ContainerId::new("c");
    let subject = Subject { given: None, container: "web", id: &id, ip: ip.map(|ip| ip.parse().unwrap()) };
    subject.of_probe(&container, container.readiness_probe.as_ref().unwrap())
}

fn question(probe: Value) -> NetworkQuestion {
    match action(probe, Some("10.0.0.7")).unwrap() {
        Action::Network(question) => question,
        Action::Exec(_) | Action::Sleep(_) => panic!("asked elsewhere"),
    }
}

#[test]
fn a_pod_is_asked_at_its_own_address_unless_it_says_otherwise() {
    let tcp = |host: &str, port| NetworkQuestion::Tcp { host: host.to_owned(), port };
    assert_eq!(question(json!({"tcpSocket": {"port": 80}})), tcp("10.0.0.7", 80));
    assert_eq!(question(json!({"tcpSocket": {"port": "http", "host": "db"}})), tcp("db", 8080));
    let error = action(json!({"tcpSocket": {"port": 80}}), None).err().unwrap();
    assert_eq!(error.kind, vk_core::ErrorKind::Unavailable, "nothing is known of a pod without an address");
}

#[test]
fn a_request_by_http_is_what_the_pod_asks_for() {
    let asked = question(json!({"httpGet": {
        "port": "http", "scheme": "HTTPS", "path": "ready?deep=1", "httpHeaders": [{"name": "X-A", "value": "1"}],
    }}));
    let expected = HttpQuestion {
        host: "10.0.0.7".to_owned(),
        port: 8080,
        tls: true,
        path: "/ready?deep=1".to_owned(),
        headers: vec![("X-A".to_owned(), "1".to_owned())],
    };
    assert_eq!(asked, NetworkQuestion::Http(expected));
}

#[test]
fn grpc_may_name_a_service() {
    let asked = question(json!({"grpc": {"port": 9000, "service": "db"}}));
    let expected = NetworkQuestion::Grpc { host: "10.0.0.7".parse().unwrap(), port: 9000, service: "db".to_owned() };
    assert_eq!(asked, expected);
}

#[test]
fn a_port_that_does_not_exist_is_named() {
    for port in [json!("metrics"), json!(0), json!(70000)] {
        let error = action(json!({"tcpSocket": {"port": port}}), Some("10.0.0.7")).err().unwrap();
        assert!(error.message.contains("\"web\" has no port"), "{error}");
    }
}

//! Where WebSockets do not come through, kubectl and client-go fall back to SPDY.

mod refusing_proxy;

use std::process::Command;

use serde_json::{Value, json};

use crate::port_forward::forwarder::{Forwarder, kubectls};
use crate::stage::{
    Environment, Identity, RUN_UNTIL_STOPPED, Stage, WEB_SOCKETS_OF_COMMANDS, clients, eventually, script,
};
use refusing_proxy::RefusingProxy;

const COMMAND: [&str; 3] = ["sh", "-c", "echo out; exit 3"];

/// A node whose agent tells of its sessions, with a pod that serves on port 8001.
fn with_pod() -> Stage {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = stage.docker_command();
    command.arg("--log-level=debug");
    stage.start(&mut command);
    stage.until_ready();
    let serve = format!(
        "mkdir -p /tmp/www; echo from inside >/tmp/www/index.html; httpd -p 8001 -h /tmp/www; {RUN_UNTIL_STOPPED}"
    );
    stage.create_pod("web", json!({ "containers": [script("main", &serve)] }));
    stage.until_running("web");
    stage
}

/// Runs what uses a session by way of the proxy: it tries a WebSocket first, and then SPDY.
fn falls_back(proxy: &RefusingProxy, what: &str, session: impl FnOnce()) {
    let (refused, spdy) = (proxy.refused(), proxy.spdy());
    session();
    assert!(proxy.refused() > refused, "{what}: no WebSocket was tried");
    assert!(proxy.spdy() > spdy, "{what}: it did not go by SPDY");
}

#[test]
fn sessions_go_by_spdy_where_web_sockets_are_refused() {
    let mut stage = with_pod();
    for status in [400, 403] {
        let proxy = RefusingProxy::start(&stage, status);
        let server = format!("--server={}", proxy.url());
        for kubectl in stage.kubectls() {
            let what = format!("{}, {status}", kubectl.version());
            falls_back(&proxy, &what, || {
                let arguments = [&[&server, "exec", "web", "--"], &COMMAND[..]].concat();
                let output = kubectl.command(&arguments).env(WEB_SOCKETS_OF_COMMANDS, "true").output().unwrap();
                assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b"out\n"[..]), "{what}: {output:?}");
            });
        }
        for kubectl in kubectls(&stage) {
            falls_back(&proxy, &format!("port-forward by {}, {status}", kubectl.display()), || {
                let forwarder = Forwarder::start_at(Some(&proxy.url()), &kubectl, &stage, "true", "web", &["8001"]);
                eventually("an answer", || {
                    let answer = crate::port_forward::get(&forwarder, "8001")?;
                    if answer.ends_with("from inside\n") { Ok(()) } else { Err(answer) }
                });
            });
        }
        falls_back(&proxy, &format!("client-go, {status}"), || remote_command(&stage, &proxy));
    }
    stage.agent().until_log("protocol=");
}

fn remote_command(stage: &Stage, proxy: &RefusingProxy) {
    let config: Value = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{ "name": "proxy", "cluster": { "server": proxy.url() } }],
        "contexts": [{ "name": "proxy", "context": { "cluster": "proxy", "user": "nobody" } }],
        "users": [{ "name": "nobody", "user": {} }],
    });
    let kubeconfig = stage.write("proxy.kubeconfig", &config.to_string());
    let url = format!(
        "{}/api/v1/namespaces/{}/pods/web/exec?container=main&stdout=true&stderr=true&command=echo&command=out",
        proxy.url(),
        stage.name()
    );
    let mut command = Command::new(clients().remotecommand());
    command.arg("--kubeconfig").arg(kubeconfig).args(["--executor", "fallback", "--url", &url]);
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"out\n"[..]), "{output:?}");
}

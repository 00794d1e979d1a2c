//! client-go's executors of remote commands: SPDY, WebSocket, and the one that falls back from this to that.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use crate::stage::{Identity, Stage, clients};

const EXECUTORS: [&str; 3] = ["spdy", "websocket", "fallback"];

/// Where a command is asked for: at the API server, and at the node, each in its own words.
fn addresses(stage: &Stage, command: &[&str]) -> [String; 2] {
    let encoded = |word: &str| word.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let words: String = command.iter().map(|word| format!("&command={}", encoded(word))).collect();
    let (server, node, name) = (stage.environment().cluster.server_url(), stage.node_url(), stage.name());
    [
        format!(
            "{server}/api/v1/namespaces/{name}/pods/talk/exec?container=main&stdin=true&stdout=true&stderr=true{words}"
        ),
        format!("{node}/exec/{name}/talk/main?input=1&output=1&error=1{words}"),
    ]
}

fn run(stage: &Stage, executor: &str, address: &str, stdin: &Path) -> Output {
    let kubeconfig = stage.environment().cluster.admin_kubeconfig();
    let mut command = Command::new(clients().remotecommand());
    command.arg("--kubeconfig").arg(kubeconfig).args(["--executor", executor, "--url", address, "--stdin"]);
    command.stdin(File::open(stdin).unwrap()).output().unwrap()
}

#[test]
fn commands_of_client_go() {
    let stage = super::with_pod(Identity::Node);
    let sent: Vec<u8> = (0..2_000_000u32).map(|index| (index % 251) as u8).collect();
    let stdin = stage.shared().join("sent");
    fs::write(&stdin, &sent).unwrap();
    for executor in EXECUTORS {
        for address in addresses(&stage, &["sh", "-c", "cat; echo err >&2; exit 3"]) {
            let output = run(&stage, executor, &address, &stdin);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{executor} {address}: {stderr}");
            assert!(output.stdout == sent, "{executor} {address}: {} bytes came back", output.stdout.len());
            assert_eq!(stderr, "err\n", "{executor} {address}");
        }
        // The library's own error, in the words of the node.
        let nowhere = addresses(&stage, &["true"]).map(|address| address.replace("main", "none"));
        for address in nowhere {
            let output = run(&stage, executor, &address, &stdin);
            assert_eq!(output.status.code(), Some(125), "{executor} {address}");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains("none") || stderr.contains("bad handshake"), "{executor} {address}: {stderr}");
        }
    }
}

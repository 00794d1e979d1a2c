//! Settings that cannot be used, and a world that is not as it should be: each gets one clear message.

mod forwarder;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::stage::{AgentProcess, Environment, Identity, Stage, condition, sleeper};
use forwarder::Forwarder;

/// Runs the program to its end; answers with its exit code and what it said.
fn run(stage: &Stage, command: &mut Command) -> (Option<i32>, String) {
    let log = stage.write("run-to-its-end.log", "");
    AgentProcess::start(command, &stage.environment().cluster, &log).until_ended()
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let stage = Stage::open(&Environment::read(), Identity::Node);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--metrics-addr={}", taken.local_addr().unwrap());
    let docker_config = stage.write("docker.toml", "network = \"bridge\"\nnetwrok = \"bridge\"\n");
    let mock_config = stage.write("mock.json", &json!({ stage.name(): { "cpu": "plenty" } }).to_string());
    let kubeconfig = stage.write("kubeconfig", "clusters: {\n");
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let cases: [(&str, &[&str], i32, &[&str]); 14] = [
        ("none", &[], 2, &["--provider", "\"none\"", "docker", "mock"]),
        ("mock", &["--nodename=Not_A_Name"], 2, &["--nodename", "Not_A_Name"]),
        ("mock", &["--no-verify-clients"], 2, &["--no-verify-clients", "--insecure-allow-anonymous"]),
        ("mock", &["--rotate-server-certificates"], 2, &["--rotate-server-certificates", "--tls-cert-file"]),
        ("mock", &["--authentication-token-webhook-cache-ttl=25h"], 2, &["--authentication-token-webhook-cache-ttl"]),
        (
            "mock",
            &["--bootstrap-kubeconfig=/nowhere/file", "--kubeconfig=/nowhere/new"],
            2,
            &["--bootstrap-kubeconfig", "/nowhere/file"],
        ),
        ("mock", &["--no-such-flag"], 2, &["--no-such-flag", "--help"]),
        ("mock", &["--provider-config=/nowhere/file"], 2, &["--provider-config", "/nowhere/file"]),
        ("docker", &[&flag("provider-config", &docker_config)], 2, &["docker.toml", "line 2", "netwrok"]),
        ("mock", &[&flag("provider-config", &mock_config)], 2, &["mock.json", "cpu", "plenty"]),
        ("mock", &["--kubeconfig=/nowhere/kubeconfig"], 2, &["--kubeconfig", "/nowhere/kubeconfig does not exist"]),
        ("mock", &[&flag("kubeconfig", &kubeconfig)], 2, &["kubeconfig", &kubeconfig.display().to_string()]),
        ("mock", &["--state-dir=/proc/nowhere"], 1, &["--state-dir", "/proc/nowhere"]),
        ("mock", &[&taken], 1, &["--metrics-addr", "in use"]),
    ];
    for (provider, arguments, code, words) in cases {
        let (ended, said) = run(&stage, stage.command(provider).args(arguments));
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{word} in what is said of {arguments:?}:\n{said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn credentials_that_are_no_good_are_named() {
    let stage = Stage::open(&Environment::read(), Identity::Node);
    let mut config = kubeconfig_of(&stage);
    config["users"][0]["user"] = json!({ "token": "made-up" });
    let path = stage.write("kubeconfig", &config.to_string());
    let (code, said) = run(&stage, stage.command("mock").arg(format!("--kubeconfig={}", path.display())));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("refuses our credentials") && said.contains("renew"), "{said}");
    assert!(!said.contains("made-up"), "a secret is in the log: {said}");
}

#[test]
fn an_api_server_that_is_not_there_yet_is_waited_for() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let forwarder = Forwarder::reserve();
    let mut config = kubeconfig_of(&stage);
    // A name that the API server's certificate has.
    let server = format!("https://localhost:{}", forwarder.port());
    config["clusters"][0]["cluster"]["server"] = json!(server);
    let path = stage.write("kubeconfig", &config.to_string());
    let address = stage.environment().cluster.address();
    let mut command = stage.command("mock");
    command.arg(format!("--kubeconfig={}", path.display())).arg(format!("--node-ip={address}"));
    stage.start(&mut command);
    let line = stage.agent().until_log("waiting for it");
    assert!(line.contains(&server) && line.contains("WARN"), "{line}");
    assert!(stage.agent().runs());
    let target = stage.environment().cluster.server_url();
    forwarder.open(target.trim_start_matches("https://"));
    stage.agent().until_log("the API server answers");
    stage.until_ready();
}

#[test]
fn a_node_without_kubelet_api_runs_on() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = stage.docker_command();
    command.env_remove("APISERVER_KEY_LOCATION");
    stage.start(&mut command);
    stage.until_ready();
    assert!(stage.agent().log().contains("APISERVER_KEY_LOCATION"), "{}", stage.agent().log());
    stage.create_pod("web", json!({ "containers": [sleeper("main")] }));
    let before = stage.until_running("web");
    stage.kubectl().run(&["logs", "web"]).unwrap_err();
    stage.kill_agent();

    // The same for a port that is taken.
    let taken = TcpListener::bind((stage.environment().cluster.address(), 0)).unwrap().local_addr().unwrap();
    let taken = TcpListener::bind(taken).unwrap();
    let mut command = stage.docker_command();
    command.arg(format!("--listen-address={}", taken.local_addr().unwrap()));
    stage.start(&mut command);
    stage.until_ready();
    let line = stage.agent().until_log("kubectl logs and exec will not work");
    assert!(line.contains("in use") && line.contains(&taken.local_addr().unwrap().to_string()), "{line}");
    assert_eq!(stage.until_running("web").runs(), before.runs());
}

#[test]
fn a_node_name_that_another_live_agent_holds_is_refused() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = stage.command("mock");
    stage.start(&mut command);
    stage.until_ready();
    let other = stage.write("other", "");
    fs::remove_file(&other).unwrap();
    let (code, said) = run(&stage, stage.command("mock").arg(format!("--state-dir={}", other.display())));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is held by another live agent") && said.contains("--nodename"), "{said}");
    // On the same machine the state directory tells at once.
    let (code, said) = run(&stage, &mut stage.command("mock"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is in use by another agent") && said.contains(&stage.agent().id().to_string()), "{said}");
    assert!(stage.agent().runs());
    assert_eq!(condition(&stage.node().unwrap(), "Ready"), "True");
}

#[test]
fn a_docker_that_does_not_run_yet_is_waited_for() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let socket = stage.shared().join("docker.sock");
    let config = stage.write("docker.json", &json!({ "endpoint": format!("unix://{}", socket.display()) }).to_string());
    let mut command = stage.command("docker");
    command.arg(format!("--provider-config={}", config.display()));
    stage.start(&mut command);
    stage.until_ready();
    let node =
        stage.until_node("it says that Docker is not there", |node| condition(node, "BackendReachable") == "False");
    let told = node["status"]["conditions"].to_string();
    assert!(told.contains("docker.sock") && told.contains("is dockerd running?"), "{told}");
    assert_eq!(node["status"]["allocatable"]["pods"], "0");
    stage.create_pod("early", json!({ "containers": [sleeper("main")] }));

    symlink(stage.environment().docker_host.trim_start_matches("unix://"), &socket).unwrap();
    let node = stage.until_node("Docker is there", |node| {
        condition(node, "BackendReachable") == "True" && node["status"]["allocatable"]["pods"] == "110"
    });
    assert!(node["status"]["nodeInfo"]["containerRuntimeVersion"].to_string().contains("docker://"), "{node}");
    stage.until_running("early");
}

fn kubeconfig_of(stage: &Stage) -> Value {
    let path = stage.environment().cluster.node_kubeconfig(stage.name()).unwrap();
    // JSON is YAML, and these are written as JSON.
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

//! `kubectl logs`, through the API server and over HTTPS to the node.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::stage::{Identity, Kubectl, RUN_UNTIL_STOPPED, Stage, eventually, script};

under_both_identities! {
    every_way_of_asking_is_answered
    a_log_is_followed_to_its_end
    the_log_of_the_previous_run_is_kept
    several_pods_are_heard_together
    nobody_reads_logs_without_certificate_and_permission
}

fn every_way_of_asking_is_answered(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let counter = script(
        "counter",
        &format!("for n in $(seq 1 5); do echo line $n; done; echo problem >&2; {RUN_UNTIL_STOPPED}"),
    );
    let other = script("other", &format!("echo from the other; {RUN_UNTIL_STOPPED}"));
    stage.create_pod("talk", json!({ "containers": [counter, other] }));
    stage.until_running("talk");
    for kubectl in stage.kubectls() {
        eprintln!("{}", kubectl.version());
        let logs = |arguments: &[&str]| kubectl.run(&[&["logs", "talk"], arguments].concat());
        eventually("all six lines", || {
            let said = logs(&["-c", "counter"])?;
            (said.lines().count() == 6).then_some(()).ok_or(said)
        });
        options_cut_the_log(logs);
        mistakes_are_named(&kubectl);
    }
    // kubectl cannot ask for one of the two streams yet.
    let path = format!("/containerLogs/{}/talk/counter", stage.name());
    assert_eq!(stage.kubelet(&format!("{path}?stream=Stderr")).unwrap(), "problem\n");
    assert_eq!(stage.kubelet(&format!("{path}?stream=Stdout")).unwrap().lines().count(), 5);
    assert_eq!(stage.kubelet(&format!("{path}?stream=All")).unwrap().lines().count(), 6);
}

fn options_cut_the_log(logs: impl Fn(&[&str]) -> Result<String, String>) {
    // The two streams are separate on their way, so their order is not certain.
    let all = logs(&["-c", "counter"]).unwrap();
    let lines: Vec<&str> = all.lines().filter(|line| *line != "problem").collect();
    assert_eq!(lines, ["line 1", "line 2", "line 3", "line 4", "line 5"]);
    // Without a name kubectl takes the first container.
    assert_eq!(logs(&[]).unwrap(), all);
    assert_eq!(logs(&["-c", "other"]).unwrap(), "from the other\n");
    assert_eq!(logs(&["-c", "counter", "--tail=2"]).unwrap().lines().count(), 2);
    assert_eq!(logs(&["-c", "counter", "--tail=0"]).unwrap(), "");
    assert_eq!(logs(&["-c", "counter", "--since=1h"]).unwrap(), all);
    assert_eq!(logs(&["-c", "counter", "--since-time=2020-01-01T00:00:00Z"]).unwrap(), all);
    assert_eq!(logs(&["-c", "other", "--limit-bytes=4"]).unwrap(), "from");
    eventually("nothing of the last second", || {
        let said = logs(&["-c", "counter", "--since=1s"])?;
        said.is_empty().then_some(()).ok_or(said)
    });
    let stamped = logs(&["-c", "other", "--timestamps"]).unwrap();
    let (stamp, rest) = stamped.split_once(' ').unwrap();
    assert!(stamp.starts_with("20") && stamp.contains('T') && rest == "from the other\n", "{stamped}");
    let together = logs(&["--all-containers", "--prefix"]).unwrap();
    assert!(
        together.contains("[pod/talk/counter] line 5") && together.contains("[pod/talk/other] from the other"),
        "{together}"
    );
}

fn mistakes_are_named(kubectl: &Kubectl) {
    let unknown = kubectl.run(&["logs", "talk", "-c", "none"]).unwrap_err();
    assert!(unknown.contains("container none is not valid for pod talk"), "{unknown}");
    let never = kubectl.run(&["logs", "talk", "-c", "other", "--previous"]).unwrap_err();
    assert!(never.contains("previous terminated container \"other\" in pod \"talk\" not found"), "{never}");
}

/// `--selector`, as those use it who look after a Deployment.
fn several_pods_are_heard_together(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    for name in ["one", "two", "three"] {
        let said = format!("echo {name} begins; until test -f /shared/go; do sleep 0.1; done; echo {name} ends");
        let mut main = script("main", &said);
        main["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
        let volume = json!({ "name": "shared", "hostPath": { "path": stage.shared() } });
        stage.create_pod(name, json!({ "restartPolicy": "Never", "containers": [main], "volumes": [volume] }));
    }
    let followers = stage.kubectls().map(|kubectl| {
        for name in ["one", "two", "three"] {
            stage.until_running(name);
        }
        let arguments = ["logs", "--selector=app in (one, three)", "--follow", "--prefix", "--tail=1"];
        let mut follower = kubectl.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut first: Vec<String> = lines.by_ref().take(2).collect();
        first.sort();
        assert_eq!(first, ["[pod/one/main] one begins", "[pod/three/main] three begins"]);
        (follower, lines)
    });
    fs::write(stage.shared().join("go"), "").unwrap();
    for (mut follower, lines) in followers {
        let mut rest: Vec<String> = lines.collect();
        rest.sort();
        assert_eq!(rest, ["[pod/one/main] one ends", "[pod/three/main] three ends"]);
        assert!(follower.wait().unwrap().success());
    }
}

fn a_log_is_followed_to_its_end(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut steps = script("main", "echo first; until test -f /shared/go; do sleep 0.1; done; echo second");
    steps["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
    let volume = json!({ "name": "shared", "hostPath": { "path": stage.shared() } });
    stage.create_pod("steps", json!({ "restartPolicy": "Never", "containers": [steps], "volumes": [volume] }));
    stage.until_running("steps");
    let mut follower = stage.kubectl().command(&["logs", "--follow", "steps"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    // It comes while the container still runs, and waits for us.
    assert_eq!(lines.next().unwrap().unwrap(), "first");
    assert_eq!(stage.pod("steps").unwrap().phase(), "Running");
    fs::write(stage.shared().join("go"), "").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "second");
    assert!(lines.next().is_none(), "the end of the container is the end of the log");
    assert!(follower.wait().unwrap().success());
    stage.until_phase("steps", "Succeeded");
    assert_eq!(stage.kubectl().ok(&["logs", "--follow", "steps"]), "first\nsecond\n");
}

fn the_log_of_the_previous_run_is_kept(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let text = format!(
        "if test -f /shared/ran; then echo second run; {RUN_UNTIL_STOPPED}; fi; touch /shared/ran; echo first run; exit 1"
    );
    let mut twice = script("main", &text);
    twice["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
    let volume = json!({ "name": "shared", "hostPath": { "path": stage.shared() } });
    stage.create_pod("twice", json!({ "containers": [twice], "volumes": [volume] }));
    stage.until_pod("twice", "its second run", |pod| pod.restarts("main") == 1 && pod.condition("Ready") == "True");
    assert_eq!(stage.kubectl().ok(&["logs", "--previous", "twice"]), "first run\n");
    eventually("the second run's words", || {
        let said = stage.kubectl().run(&["logs", "twice"])?;
        (said == "second run\n").then_some(()).ok_or(said)
    });
}

/// The node's API is asked directly, by others than the API server.
fn nobody_reads_logs_without_certificate_and_permission(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let main = script("main", &format!("echo classified; {RUN_UNTIL_STOPPED}"));
    stage.create_pod("secret", json!({ "containers": [main] }));
    stage.until_running("secret");
    let cluster = &stage.environment().cluster;
    let server = format!("--server={}", stage.node_url());
    let path = format!("/containerLogs/{}/secret/main", stage.name());
    let ask = |arguments: &[&str]| {
        stage.kubectl().run(&[&[server.as_str(), "get", "--raw", path.as_str()], arguments].concat())
    };
    eventually("the log, for an administrator", || {
        let said = ask(&[])?;
        if said == "classified\n" { Ok(()) } else { Err(said) }
    });

    let stranger = format!("--kubeconfig={}", cluster.node_kubeconfig("a-stranger").unwrap().display());
    let refused = ask(&[&stranger]).unwrap_err();
    assert!(refused.contains("Forbidden") || refused.contains("forbidden"), "{refused}");

    let authority = cluster.directory().join("pki/ca.crt");
    // With a token, because kubectl would ask a person for a password otherwise. Tokens are not taken yet.
    let user = json!({ "name": "u", "user": { "token": "made-up" } });
    let nobody = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [user],
        "clusters": [{ "name": "c", "cluster": { "server": "https://unused", "certificate-authority": authority } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    let nobody = stage.write("nobody", &nobody.to_string());
    let refused = ask(&[&format!("--kubeconfig={}", nobody.display())]).unwrap_err();
    assert!(refused.to_lowercase().contains("unauthorized") || refused.contains("logged in"), "{refused}");
}

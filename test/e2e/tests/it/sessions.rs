//! `kubectl exec`, `attach` and `cp`, by both ways that kubectl knows.

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::stage::{Identity, RUN_UNTIL_STOPPED, Stage, script};

under_both_identities! {
    commands_run_in_containers
    files_are_copied_both_ways
    whoever_attaches_hears_the_container
}

/// Tells kubectl whether to try WebSockets before SPDY.
const WEB_SOCKETS: &str = "KUBECTL_REMOTE_COMMAND_WEBSOCKETS";

fn with_pod(identity: Identity, said: &str) -> Stage {
    let stage = Stage::with_docker_node(identity);
    stage.create_pod("shell", json!({ "containers": [script("main", &format!("{said}\n{RUN_UNTIL_STOPPED}"))] }));
    stage.until_running("shell");
    stage
}

fn exec(stage: &Stage, ways: &str, arguments: &[&str]) -> Command {
    let mut command = stage.kubectl().command(&[&["exec", "shell"], arguments].concat());
    command.env(WEB_SOCKETS, ways);
    command
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn commands_run_in_containers(identity: Identity) {
    let stage = with_pod(identity, "true");
    let bytes: Vec<u8> = (0..4_000_000u32).map(|index| (index % 251) as u8).collect();
    let file = stage.shared().join("bytes");
    fs::write(&file, &bytes).unwrap();
    for ways in ["true", "false"] {
        let output = exec(&stage, ways, &["--", "sh", "-c", "echo out; echo err >&2; exit 3"]).output().unwrap();
        let (stdout, stderr) = texts(&output);
        assert_eq!((output.status.code(), stdout.as_str()), (Some(3), "out\n"), "{stderr}");
        assert!(stderr.starts_with("err\n") && stderr.contains("exit code 3"), "{stderr}");

        let mut command = exec(&stage, ways, &["--stdin", "--", "cat"]);
        let output = command.stdin(Stdio::from(File::open(&file).unwrap())).output().unwrap();
        assert!(output.status.success() && output.stdout == bytes, "{} bytes came back", output.stdout.len());

        let output = exec(&stage, ways, &["--", "no-such-program"]).output().unwrap();
        // As a shell has it: there is no such program, or it cannot be run.
        assert!(matches!(output.status.code(), Some(126 | 127)), "{output:?}");
    }
    let refused = exec(&stage, "true", &["--container=none", "--", "true"]).output().unwrap();
    assert!(texts(&refused).1.contains("none"), "{}", texts(&refused).1);
}

fn files_are_copied_both_ways(identity: Identity) {
    let stage = with_pod(identity, "true");
    let (there, back) = (stage.shared().join("there"), stage.shared().join("back"));
    fs::create_dir(&there).unwrap();
    for number in 0..200 {
        fs::write(there.join(number.to_string()), "x".repeat(number * 10)).unwrap();
    }
    stage.kubectl().ok(&["cp", there.to_str().unwrap(), "shell:/tmp/files"]);
    stage.kubectl().ok(&["cp", "shell:/tmp/files", back.to_str().unwrap()]);
    for number in 0..200 {
        assert_eq!(fs::read(back.join(number.to_string())).unwrap().len(), number * 10);
    }
}

fn whoever_attaches_hears_the_container(identity: Identity) {
    let stage = with_pod(identity, "for n in $(seq 1 600); do echo still here; sleep 0.1; done &");
    let mut command = stage.kubectl().command(&["attach", "shell"]);
    let mut attached = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut heard = String::new();
    let stdout = attached.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut heard).unwrap();
    attached.kill().unwrap();
    attached.wait().unwrap();
    assert_eq!(heard, "still here\n");
    assert_eq!(stage.until_running("shell").restarts("main"), 0, "the container goes on");
}

//! `kubectl exec`, `attach` and `cp` as scripts use them, by both ways that kubectl knows.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::json;

use crate::stage::{Identity, Kubectl, RUN_UNTIL_STOPPED, Stage, WEB_SOCKETS_OF_COMMANDS, eventually, script};

under_both_identities! {
    commands_run_in_containers
}

fn with_pod(identity: Identity, said: &str) -> Stage {
    let stage = Stage::with_docker_node(identity);
    stage.create_pod("shell", json!({ "containers": [script("main", &format!("{said}\n{RUN_UNTIL_STOPPED}"))] }));
    stage.until_running("shell");
    stage
}

/// Every kubectl by both ways.
fn by_all_ways(stage: &Stage, test: impl Fn(&dyn Fn(&[&str]) -> Command)) {
    for kubectl in stage.kubectls() {
        for way in ["true", "false"] {
            eprintln!("{}, {WEB_SOCKETS_OF_COMMANDS}={way}", kubectl.version());
            test(&|arguments| going(&kubectl, way, arguments));
        }
    }
}

fn going(kubectl: &Kubectl, way: &str, arguments: &[&str]) -> Command {
    let mut command = kubectl.command(arguments);
    command.env(WEB_SOCKETS_OF_COMMANDS, way);
    command
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn commands_run_in_containers(identity: Identity) {
    let stage = with_pod(identity, "true");
    by_all_ways(&stage, |kubectl| {
        let exec = |arguments: &[&str]| kubectl(&[&["exec", "shell"], arguments].concat());
        let output = exec(&["--", "sh", "-c", "echo out; echo err >&2; exit 3"]).output().unwrap();
        let (stdout, stderr) = texts(&output);
        assert_eq!((output.status.code(), stdout.as_str()), (Some(3), "out\n"), "{stderr}");
        assert!(stderr.starts_with("err\n") && stderr.contains("exit code 3"), "{stderr}");

        let output = exec(&["--", "no-such-program"]).output().unwrap();
        // As a shell has it: there is no such program, or it cannot be run.
        assert!(matches!(output.status.code(), Some(126 | 127)), "{output:?}");

        let refused = exec(&["--container=none", "--", "true"]).output().unwrap();
        assert!(texts(&refused).1.contains("none"), "{}", texts(&refused).1);
    });
}

/// 32 MiB that no compression makes fewer, and no pattern hides a piece that is missing.
fn large_file(stage: &Stage) -> (Vec<u8>, PathBuf) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let bytes: Vec<u8> = (0..32 << 17).flat_map(|_| next().to_le_bytes()).collect();
    let path = stage.shared().join("large");
    fs::write(&path, &bytes).unwrap();
    (bytes, path)
}

#[test]
fn not_a_byte_is_lost_in_or_out() {
    let stage = with_pod(Identity::Node, "true");
    let (bytes, path) = large_file(&stage);
    assert_eq!(bytes.len(), 32 << 20);
    let sum = Command::new("sha256sum").stdin(File::open(&path).unwrap()).output().unwrap();
    let sum = texts(&sum).0;
    by_all_ways(&stage, |kubectl| {
        let exec = |program: &str| {
            let mut command = kubectl(&["exec", "shell", "--stdin", "--", program]);
            let output = command.stdin(File::open(&path).unwrap()).output().unwrap();
            assert!(output.status.success(), "{}", texts(&output).1);
            output.stdout
        };
        assert_eq!(String::from_utf8(exec("sha256sum")).unwrap(), sum, "what has gone in");
        let back = exec("cat");
        assert!(back == bytes, "{} bytes came back, or others", back.len());
    });
}

#[test]
fn a_thousand_files_are_copied_both_ways() {
    let stage = with_pod(Identity::ServiceAccount, "true");
    let there = stage.shared().join("there");
    fs::create_dir_all(there.join("below")).unwrap();
    for number in 0..1000 {
        let folder = if number % 2 == 0 { there.clone() } else { there.join("below") };
        fs::write(folder.join(number.to_string()), "x".repeat(number)).unwrap();
    }
    let mut copies = 0..;
    for kubectl in stage.kubectls() {
        for way in ["true", "false"] {
            let number = copies.next().unwrap();
            let (inside, back) = (format!("shell:/tmp/files-{number}"), stage.shared().join(format!("back-{number}")));
            for arguments in [["cp", path(&there), &inside], ["cp", &inside, path(&back)]] {
                let output = going(&kubectl, way, &arguments).output().unwrap();
                assert!(output.status.success(), "{arguments:?}: {}", texts(&output).1);
            }
            let compared = Command::new("diff").args(["-r", path(&there), path(&back)]).output().unwrap();
            assert!(compared.status.success(), "{}", texts(&compared).0);
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn whoever_attaches_hears_the_container() {
    let stage = with_pod(Identity::Node, "for n in $(seq 1 600); do echo still here; sleep 0.1; done &");
    by_all_ways(&stage, |kubectl| {
        let mut command = kubectl(&["attach", "shell"]);
        let mut attached = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut heard = String::new();
        BufReader::new(attached.stdout.take().unwrap()).read_line(&mut heard).unwrap();
        attached.kill().unwrap();
        attached.wait().unwrap();
        assert_eq!(heard, "still here\n");
    });
    assert_eq!(stage.until_running("shell").restarts("main"), 0, "the container goes on");
}

/// `stdinOnce`: the end of what the first one writes is the end of the process's stdin.
#[test]
fn what_is_written_to_an_attached_container_reaches_it_to_the_end() {
    let stage = Stage::with_docker_node(Identity::Node);
    let (_, large) = large_file(&stage);
    by_all_ways(&stage, |kubectl| {
        let name = format!("count-{}", stage.all_pods().len());
        let mut counter = script("main", "wc -c");
        (counter["stdin"], counter["stdinOnce"]) = (json!(true), json!(true));
        stage.create_pod(&name, json!({ "restartPolicy": "Never", "containers": [counter] }));
        stage.until_running(&name);
        let mut attach = kubectl(&["attach", &name, "--stdin"]);
        let attached = attach.stdin(File::open(&large).unwrap()).output().unwrap();
        assert!(attached.status.success(), "{}", texts(&attached).1);
        stage.until_phase(&name, "Succeeded");
        eventually("the sum", || {
            let said = stage.kubectl().run(&["logs", &name])?;
            if said.trim() == (32 << 20).to_string() { Ok(()) } else { Err(said) }
        });
    });
}

/// A client that has something to write, and is not read for more than the minute after which it takes a silent node for a dead
/// one, gets through in the end.
#[test]
fn a_program_may_take_its_time_to_read() {
    let stage = with_pod(Identity::Node, "true");
    let path = stage.shared().join("waits");
    fs::write(&path, vec![b'x'; 4 << 20]).unwrap();
    thread::scope(|scope| {
        for way in ["true", "false"] {
            let (stage, path) = (&stage, &path);
            scope.spawn(move || {
                let command = ["exec", "--stdin", "shell", "--", "sh", "-c", "sleep 75; wc -c"];
                let mut kubectl = going(stage.kubectl(), way, &command);
                let output = kubectl.stdin(File::open(path).unwrap()).output().unwrap();
                assert_eq!(texts(&output).0.trim(), (4 << 20).to_string(), "{way}: {}", texts(&output).1);
            });
        }
    });
}

/// As CI systems do it, which have a whole script in the command.
#[test]
fn a_command_may_be_as_long_as_a_script() {
    let stage = with_pod(Identity::ServiceAccount, "true");
    let script = format!("echo begun\n{}echo ended", ": 'a line that does nothing'\n".repeat(800));
    by_all_ways(&stage, |kubectl| {
        let output = kubectl(&["exec", "shell", "--", "sh", "-c", &script]).output().unwrap();
        assert_eq!(texts(&output).0, "begun\nended\n", "{}", texts(&output).1);
    });
}

//! Commands of `kubectl exec` end with their client, and with the agent.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::json;

use crate::stage::{Identity, Stage, WEB_SOCKETS_OF_COMMANDS, eventually, sleeper};

/// A Docker pod's command that reads nothing and does not heed SIGHUP; the comment marks its processes.
struct Marked {
    marker: String,
    kubectl: Child,
}

impl Marked {
    /// Begins by this way; its client has much more to write than anybody takes in.
    fn begin(stage: &Stage, way: &str) -> Self {
        let marker = format!("marked-{}-{way}", stage.name());
        let text = format!("trap '' HUP; echo begun; while true; do sleep 1; done # {marker}");
        let mut command = stage.kubectl().command(&["exec", "--stdin", "shell", "--", "sh", "-c", &text]);
        command.env(WEB_SOCKETS_OF_COMMANDS, way).stdin(large_file(stage)).stdout(Stdio::piped());
        let mut kubectl = command.spawn().unwrap();
        let mut begun = String::new();
        BufReader::new(kubectl.stdout.take().unwrap()).read_line(&mut begun).unwrap();
        assert_eq!(begun, "begun\n");
        let marked = Self { marker, kubectl };
        assert!(!marked.processes().is_empty());
        marked
    }

    /// Those in the pod. Docker runs on this host.
    fn processes(&self) -> Vec<u32> {
        let numbers = fs::read_dir("/proc").unwrap().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let others = numbers.filter(|number| *number != self.kubectl.id());
        others.filter(|number| command_line(*number).contains(&self.marker)).collect()
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

fn command_line(process: u32) -> String {
    let bytes = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn large_file(stage: &Stage) -> File {
    let path: PathBuf = stage.shared().join("large");
    fs::write(&path, vec![b'x'; 32 << 20]).unwrap();
    File::open(path).unwrap()
}

fn with_pod(flags: &[&str]) -> Stage {
    let mut stage = Stage::open(&crate::stage::Environment::read(), Identity::Node);
    let mut command = stage.docker_command();
    stage.start(command.args(flags));
    stage.until_ready();
    stage.create_pod("shell", json!({ "containers": [sleeper("main")] }));
    stage.until_running("shell");
    stage
}

#[test]
fn a_command_ends_when_its_kubectl_is_killed() {
    let stage = with_pod(&[]);
    for way in ["true", "false"] {
        let mut marked = Marked::begin(&stage, way);
        marked.kubectl.kill().unwrap();
        marked.kubectl.wait().unwrap();
        eventually("no process of the command", || {
            let left = marked.processes();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }
}

#[test]
fn a_command_ends_before_the_agent_does() {
    let mut stage = with_pod(&["--drain-timeout=1s"]);
    let marked = Marked::begin(&stage, "true");
    assert_eq!(stage.stop_agent(), Some(0));
    assert_eq!(marked.processes(), [0; 0], "processes of the command are left");
}

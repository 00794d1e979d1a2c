//! What Docker says of the runs of containers, one after the other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::stage::Stage;

/// How long `docker events` may take to begin, and to write what it was told last.
const PAUSE: Duration = Duration::from_secs(1);

/// Records starts and ends until it is asked for them. An engine that is stopped ends the record.
pub(super) struct Recorder {
    child: Child,
    file: PathBuf,
}

/// Starts and ends of a container of a pod, and of its sandbox under the name `sandbox`.
#[derive(Debug, Default)]
pub(super) struct Starts(BTreeMap<(String, String), Runs>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Runs {
    now: i32,
    most_at_once: i32,
    starts: u64,
}

impl Recorder {
    pub(super) fn start(stage: &Stage) -> Self {
        let file = stage.write("docker-events.jsonl", "");
        let mut command = Command::new("docker");
        command
            .args(["events", "--format={{json .}}", "--filter=type=container"])
            .args(["--filter=event=start", "--filter=event=die"])
            .arg(format!("--filter=label=virtual-kubelet.io/node={}", stage.name()))
            .env("DOCKER_HOST", &stage.environment().docker_host)
            .stdin(Stdio::null())
            .stdout(File::create(&file).unwrap())
            .stderr(Stdio::null());
        stage.environment().cluster.guard(&mut command).unwrap();
        let child = command.spawn().unwrap();
        thread::sleep(PAUSE);
        Self { child, file }
    }

    /// What was recorded.
    pub(super) fn finish(mut self) -> Starts {
        thread::sleep(PAUSE);
        assert!(self.child.try_wait().unwrap().is_none(), "docker events has ended");
        let text = fs::read_to_string(&self.file).unwrap();
        let mut starts = Starts::default();
        for line in text.lines() {
            starts.take(&serde_json::from_str(line).unwrap());
        }
        starts
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Starts {
    fn take(&mut self, event: &Value) {
        let label = |name: &str| event["Actor"]["Attributes"][format!("virtual-kubelet.io/{name}")].as_str();
        let container = label("container").unwrap_or("sandbox").to_owned();
        let runs = self.0.entry((label("pod-uid").unwrap_or_default().to_owned(), container)).or_default();
        match event["Action"].as_str() {
            Some("start") => {
                runs.now += 1;
                runs.starts += 1;
                runs.most_at_once = runs.most_at_once.max(runs.now);
            }
            Some("die") => runs.now -= 1,
            _ => {}
        }
    }

    /// How often Docker started a container of a pod.
    pub(super) fn count(&self, uid: &str, container: &str) -> u64 {
        self.0.get(&(uid.to_owned(), container.to_owned())).map_or(0, |runs| runs.starts)
    }

    /// How often Docker started anything.
    pub(super) fn total(&self) -> u64 {
        self.0.values().map(|runs| runs.starts).sum()
    }

    /// What ran twice at once.
    pub(super) fn overlaps(&self) -> Vec<String> {
        let twice = self.0.iter().filter(|(_, runs)| runs.most_at_once > 1);
        twice.map(|((uid, container), runs)| format!("{uid} {container}: {} at once", runs.most_at_once)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn runs_that_overlap_are_told_from_runs_that_follow_each_other() {
        let mut starts = Starts::default();
        let event = |action: &str, uid: &str, container: Option<&str>| {
            let mut attributes = json!({ "virtual-kubelet.io/pod-uid": uid });
            if let Some(container) = container {
                attributes["virtual-kubelet.io/container"] = json!(container);
            }
            json!({ "Action": action, "Actor": { "Attributes": attributes } })
        };
        for action in ["start", "die", "start"] {
            starts.take(&event(action, "a", Some("main")));
            starts.take(&event(action, "a", None));
        }
        assert!(starts.overlaps().is_empty(), "{starts:?}");
        starts.take(&event("start", "a", Some("main")));
        assert_eq!(starts.overlaps(), ["a main: 2 at once"]);
        assert_eq!((starts.count("a", "main"), starts.count("b", "main"), starts.total()), (3, 0, 5));
    }
}

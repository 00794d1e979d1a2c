//! The program under test, as a process.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_cluster::Cluster;

use super::patience::eventually;

/// A running agent. It ends with this value, and with the cluster if the tests are killed.
pub(crate) struct AgentProcess {
    child: Child,
    log: PathBuf,
    /// Where in the log this run begins.
    start: usize,
}

impl AgentProcess {
    /// Starts it; what it says goes to the end of a log file.
    pub(crate) fn start(command: &mut Command, cluster: &Cluster, log: &Path) -> Self {
        let output = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let start = usize::try_from(output.metadata().unwrap().len()).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        cluster.guard(command).unwrap();
        let child = command.spawn().unwrap();
        Self { child, log: log.to_owned(), start }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What this run has said so far.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.start..).unwrap_or_default()).into_owned()
    }

    /// Waits until a line of this run's log contains all of this; answers with the line.
    pub(crate) fn until_log(&mut self, wanted: &str) -> String {
        eventually(&format!("a log line with {wanted:?}"), || {
            let ended = self.child.try_wait().unwrap();
            let log = self.log();
            match log.lines().find(|line| line.contains(wanted)) {
                Some(line) => Ok(line.to_owned()),
                None => {
                    assert!(ended.is_none(), "the agent has ended ({ended:?}):\n{log}");
                    Err(log)
                }
            }
        })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself; answers with its exit code and what it said.
    pub(crate) fn until_ended(mut self) -> (Option<i32>, String) {
        let status = eventually("the agent's end", || self.child.try_wait().unwrap().ok_or_else(|| self.log()));
        (status.code(), self.log())
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// SIGTERM; answers with the exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.until_ended().0
    }

    fn end(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        self.end();
    }
}

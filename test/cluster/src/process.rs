//! One process under a guard.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::deadline::Deadline;
use crate::guard::Guard;

/// How long a process may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(15);

/// A process in the guard's group that writes to a log file in the guard's directory.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts the process; it logs to `log/<name>.log`, behind what is there already.
    pub(crate) fn start(mut command: Command, guard: &Guard, name: &str) -> Result<Self> {
        let folder = guard.directory().join("log");
        fs::create_dir_all(&folder)?;
        let output = OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log")))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .current_dir(guard.directory())
            .process_group(guard.group()?)
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// The process id.
    #[cfg(test)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }

    /// Ends it in order, or by force after a grace period, and returns when it is gone.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)?;
        self.signal(Signal::SIGTERM)?;
        let ended = Deadline::after(GRACE).poll("end after SIGTERM", Duration::from_millis(20), || self.ended());
        if ended.is_err() {
            self.kill()?;
        }
        Ok(())
    }

    /// Ends it at once, as a crash would, and returns when it is gone.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Freezes it: its connections stay open and nothing answers.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a paused process go on.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, signal).with_context(|| format!("cannot send {signal} to process {pid}"))
    }
}

impl Drop for Process {
    /// Collects the exit status of a process that the guard has ended. One that runs on is left to the guard.
    fn drop(&mut self) {
        let _ = self.child.try_wait();
    }
}

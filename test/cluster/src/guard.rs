//! The process that ends a control plane or an engine when its owner does not.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::deadline::Deadline;
use crate::files::write_whole;

const SCRIPT: &str = include_str!("guard.sh");
const PID_FILE: &str = "guard.pid";

/// A directory and a process group that end together: when this value is dropped, or when this process ends in any way,
/// `kill -9` included.
#[derive(Debug)]
pub(crate) struct Guard {
    directory: PathBuf,
    process: Child,
    /// Closed to end everything; `None` once that has happened or was called off.
    held: Option<ChildStdin>,
}

impl Guard {
    /// Makes `directory`, or one of its own below the system's temporary directory, and starts to guard it.
    pub(crate) fn start(directory: Option<PathBuf>) -> Result<Self> {
        let directory = match directory {
            Some(directory) => {
                make_private(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
                directory
            }
            None => make_temporary().context("cannot make a temporary directory")?,
        };
        let spawn = || -> Result<(Child, ChildStdin)> {
            let script = directory.join("guard.sh");
            write_whole(&script, SCRIPT.as_bytes())?;
            let mut process = Command::new("sh")
                .arg(&script)
                .arg(&directory)
                .current_dir("/")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(File::create(directory.join("guard.log"))?)
                .process_group(0)
                .spawn()
                .context("cannot start sh")?;
            let (held, said) =
                process.stdin.take().zip(process.stdout.take()).context("sh was started without pipes")?;
            // Before it says so, SIGTERM would end the guard alone.
            let mut ready = String::new();
            BufReader::new(said).read_line(&mut ready)?;
            if ready != "ready\n" {
                bail!("the guard process did not start: {ready:?}");
            }
            write_whole(&directory.join(PID_FILE), process.id().to_string().as_bytes())?;
            Ok((process, held))
        };
        match spawn() {
            Ok((process, held)) => Ok(Self { directory, process, held: Some(held) }),
            Err(error) => {
                // The guard, if it came that far, removes it too.
                let _ = fs::remove_dir_all(&directory);
                Err(error)
            }
        }
    }

    /// The guarded directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The process group that guarded processes join.
    pub(crate) fn group(&self) -> Result<i32> {
        Ok(i32::try_from(self.process.id())?)
    }

    /// Lets go of everything: from now on only [`end`] ends it.
    pub(crate) fn detach(mut self) -> Result<PathBuf> {
        if let Some(mut held) = self.held.take() {
            held.write_all(b"stay\n").context("the guard process is gone")?;
        }
        Ok(self.directory.clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            drop(held);
            if let Err(error) = self.process.wait() {
                eprintln!("cannot wait for the guard of {}: {error}", self.directory.display());
            }
        }
    }
}

fn make_private(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(directory)
}

fn make_temporary() -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("vk-test-{}-{count}", process::id()));
        match make_private(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| directory),
        }
    }
}

/// Whether what lives in `directory` is still guarded, which is to say running.
pub(crate) fn is_guarded(directory: &Path) -> bool {
    guard_process(directory).is_some()
}

/// The process group that ends with what lives in `directory`.
pub(crate) fn group_of(directory: &Path) -> Option<i32> {
    guard_process(directory).map(Pid::as_raw)
}

/// The guard of `directory`, if it runs: its process id is recorded there, and its command line names the directory.
fn guard_process(directory: &Path) -> Option<Pid> {
    let recorded = fs::read_to_string(directory.join(PID_FILE)).ok()?;
    let command_line = fs::read(format!("/proc/{recorded}/cmdline")).ok()?;
    let named = directory.as_os_str().as_encoded_bytes();
    let ours = command_line.split(|byte| *byte == 0).any(|argument| argument == named);
    if ours { recorded.parse().ok().map(Pid::from_raw) } else { None }
}

/// Ends what runs in `directory` and removes it, whoever started it. A directory without its guard, as a reboot leaves
/// one, is removed.
///
/// # Errors
/// When there is nothing of ours in `directory`, or it does not go within 30 seconds.
pub fn end(directory: &Path) -> Result<()> {
    if is_guarded(directory) {
        let what = format!("end of {}", directory.display());
        return Deadline::after(Duration::from_secs(30)).poll(&what, Duration::from_millis(50), || {
            if let Some(guard) = guard_process(directory) {
                match kill(guard, Signal::SIGTERM) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(error) => return Err(error).context("cannot signal the guard process"),
                }
            }
            Ok((!directory.exists()).then_some(()))
        });
    }
    if !directory.join(PID_FILE).exists() {
        bail!("nothing was started in {}", directory.display());
    }
    // Between its last look and now a guard may have been about to remove the directory itself.
    thread::sleep(Duration::from_millis(200));
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.with_context(|| format!("cannot remove {}", directory.display())),
    }
}

#[cfg(test)]
mod tests;

//! A Docker engine of one's own.

mod bridge;
mod image;

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::deadline::Deadline;
use crate::docker::bridge::Bridge;
use crate::files::write_whole;
use crate::guard::Guard;
use crate::logs::Logs;
use crate::packages::{Requirement, ensure_installed};
use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(100);
/// The longest path of a Unix socket on Linux (`sun_path` in unix(7), less its closing zero).
const LONGEST_SOCKET_PATH: usize = 107;

/// What can be chosen about an engine.
#[derive(Debug, Clone, Default)]
pub struct DockerOptions {
    /// Where to keep its files; must not exist yet. By default a new directory below the system's temporary one.
    pub directory: Option<PathBuf>,
    /// Further flags of `dockerd`.
    pub daemon_flags: Vec<String>,
}

/// A `dockerd` that this process owns, with its own data, socket and bridge, and without changes to the machine's packet
/// filter. Containers reach each other and this machine, and nothing else. It runs with `--live-restore`: its containers
/// outlive a stop of the daemon.
///
/// It ends with this value, or with this process, however that ends; its containers and networks end with it.
#[derive(Debug)]
pub struct DockerEngine {
    // The order matters, as the fields are dropped in it: see `ControlPlane`.
    logs: Logs,
    guard: Guard,
    daemon: Option<Process>,
    bridge: Bridge,
    cgroup: String,
    daemon_flags: Vec<String>,
}

impl DockerEngine {
    /// Starts an engine and returns when it answers. What Debian package is missing is installed.
    ///
    /// # Errors
    /// When this is not root, a program is missing and cannot be installed, or the daemon does not come up; the error holds
    /// the end of its log.
    pub fn start(options: DockerOptions) -> Result<Self> {
        if !Uid::effective().is_root() {
            bail!("a Docker engine of one's own needs root: run as root, or set DOCKER_HOST to an engine that runs");
        }
        ensure_installed(&Requirement::DOCKER)?;
        let guard = Guard::start(options.directory)?;
        check_socket_path(&socket(guard.directory()))?;
        let bridge = Bridge::choose()?;
        let cgroup = bridge.name.clone();
        let cleanup = format!(
            "directory='{}'\nbridge='{}'\ncgroup='{cgroup}'\n{}",
            guard.directory().display(),
            bridge.name,
            include_str!("docker/cleanup.sh")
        );
        write_whole(&guard.directory().join("cleanup.sh"), cleanup.as_bytes())?;
        // The machine's own settings may be meant for another engine.
        write_whole(&guard.directory().join("daemon.json"), b"{}")?;
        bridge.create()?;
        let logs = Logs::below(guard.directory());
        let mut this = Self { logs, guard, daemon: None, bridge, cgroup, daemon_flags: options.daemon_flags };
        this.start_daemon()?;
        Ok(this)
    }

    /// Where everything of this engine lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.guard.directory()
    }

    /// The value of `DOCKER_HOST` that leads to this engine.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", socket(self.directory()).display())
    }

    /// The address under which containers on the default network reach this machine.
    #[must_use]
    pub fn bridge_address(&self) -> Ipv4Addr {
        self.bridge.address
    }

    /// The `docker` client, set to this engine.
    #[must_use]
    pub fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        command
            .env("DOCKER_HOST", self.host())
            // The user's own contexts and credentials are of no use here.
            .env("DOCKER_CONFIG", self.directory().join("client"))
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_TLS_VERIFY");
        command
    }

    /// Runs `docker` with these arguments and answers with what it printed.
    ///
    /// # Errors
    /// When it fails; the error holds what it said.
    pub fn run_docker(&self, arguments: &[&str]) -> Result<String> {
        let output = self.docker().args(arguments).output().context("cannot start docker")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("docker {}: {}: {}", arguments.join(" "), output.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Makes an image from Debian's static busybox, without any registry, and answers with its name, `busybox:test`.
    ///
    /// # Errors
    /// When busybox is missing or the engine refuses the image.
    pub fn load_test_image(&self) -> Result<&'static str> {
        image::load(self)
    }

    /// Starts the daemon after it was stopped or killed and returns when it answers. The containers that still run are
    /// found again.
    ///
    /// # Errors
    /// When it runs already, or does not answer in time.
    pub fn start_daemon(&mut self) -> Result<()> {
        if self.daemon.is_some() {
            bail!("dockerd runs already");
        }
        let mut command = Command::new("dockerd");
        command.args(self.daemon_arguments());
        let mut process = Process::start(command, &self.guard, "dockerd")?;
        let answered = Deadline::after(PATIENCE).poll("dockerd", INTERVAL, || match process.ended()? {
            Some(status) => bail!("dockerd ended: {status}"),
            None => Ok(self.run_docker(&["version", "--format={{.Server.Version}}"]).ok().map(drop)),
        });
        self.daemon = Some(process);
        answered.map_err(|error| error.context(self.logs.ends()))
    }

    /// Ends the daemon in order (SIGTERM). Its containers run on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop_daemon(&mut self) -> Result<()> {
        self.take()?.stop()?;
        self.await_containerd()
    }

    /// Ends the daemon as a crash would (SIGKILL). Its containers run on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_daemon(&mut self) -> Result<()> {
        self.take()?.kill()?;
        self.await_containerd()
    }

    /// Freezes the daemon (SIGSTOP): connections are accepted by the kernel, and nothing answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause_daemon(&self) -> Result<()> {
        self.daemon.as_ref().context("dockerd does not run")?.pause()
    }

    /// Lets the paused daemon go on (SIGCONT).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume_daemon(&self) -> Result<()> {
        self.daemon.as_ref().context("dockerd does not run")?.resume()
    }

    fn take(&mut self) -> Result<Process> {
        self.daemon.take().context("dockerd does not run")
    }

    fn daemon_arguments(&self) -> Vec<String> {
        let path = |name: &str| self.directory().join(name).display().to_string();
        let mut arguments = vec![
            format!("--data-root={}", path("data")),
            format!("--exec-root={}", path("exec")),
            format!("--pidfile={}", path("docker.pid")),
            format!("--config-file={}", path("daemon.json")),
            format!("--host={}", self.host()),
            format!("--bridge={}", self.bridge.name),
            "--iptables=false".into(),
            "--ip6tables=false".into(),
            "--ip-forward=false".into(),
            "--ip-masq=false".into(),
            "--live-restore".into(),
            // One control group above all containers, by which their processes can be found when the daemon is gone.
            "--exec-opt=native.cgroupdriver=cgroupfs".into(),
            format!("--cgroup-parent=/{}", self.cgroup),
            "--log-level=warn".into(),
        ];
        arguments.extend(self.daemon_flags.iter().cloned());
        arguments
    }

    /// Waits for the end of the containerd that belonged to a daemon that ended. A new daemon that finds its process id in
    /// use would take it for alive, even when only its exit status is left.
    fn await_containerd(&self) -> Result<()> {
        let record = self.directory().join("exec/containerd/containerd.pid");
        let pid = match fs::read_to_string(&record) {
            Ok(pid) => pid,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).context("cannot read containerd's process id"),
        };
        Deadline::after(PATIENCE).poll("end of containerd", INTERVAL, || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default();
            Ok((state.is_empty() || state.starts_with('Z')).then_some(()))
        })?;
        fs::remove_file(&record).context("cannot remove containerd's process id")
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("docker.sock")
}

fn check_socket_path(path: &Path) -> Result<()> {
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        bail!("{} is longer than a socket's path may be ({LONGEST_SOCKET_PATH} bytes)", path.display());
    }
    if !path
        .to_str()
        .is_some_and(|path| path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)))
    {
        bail!(
            "{} has characters that an engine's directory may not have: use letters, digits, '/', '.', '_', '-'",
            path.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_is_short_and_plain() {
        check_socket_path(Path::new("/tmp/vk-test-1/docker.sock")).unwrap();
        let long = format!("/{}", "a".repeat(LONGEST_SOCKET_PATH));
        assert!(check_socket_path(Path::new(&long)).unwrap_err().to_string().contains("107"));
        assert!(check_socket_path(Path::new("/tmp/it's/docker.sock")).is_err());
    }
}

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::json;
use vk_core::{ErrorKind, Stage};
use vk_provider::{NodeProvider, Provider};

use crate::world::{ended, find, on_docker_at, once, script, unmount_below};

/// A Docker engine of the test's own, which it may kill. Containers outlive it (`--live-restore`).
struct OwnDocker {
    directory: tempfile::TempDir,
    daemon: Option<Child>,
}

impl OwnDocker {
    fn start() -> Result<Self> {
        // Sockets have short names.
        let directory = tempfile::Builder::new().prefix("vkd").tempdir_in("/tmp")?;
        std::fs::write(directory.path().join("daemon.json"), "{}")?;
        let mut docker = Self { directory, daemon: None };
        docker.resume()?;
        Ok(docker)
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.path("sock"))
    }

    /// Starts the daemon, and waits until it answers.
    fn resume(&mut self) -> Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log"))?;
        let mut command = Command::new("dockerd");
        command.args(["--config-file", &self.path("daemon.json"), "--live-restore"]);
        command.args([
            "--data-root",
            &self.path("data"),
            "--exec-root",
            &self.path("exec"),
            "--pidfile",
            &self.path("pid"),
        ]);
        command.args(["--host", &self.endpoint(), "--bridge=none", "--iptables=false", "--ip6tables=false"]);
        let daemon = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.daemon = Some(daemon.context("install the package docker.io")?);
        for _ in 0..300 {
            if std::os::unix::net::UnixStream::connect(self.path("sock")).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        bail!("dockerd does not start:\n{log}")
    }

    /// Ends the daemon with its containerd, and no container.
    fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(mut daemon) = self.daemon.take() else { return Ok(()) };
        let containerd = std::fs::read_to_string(self.path("exec/containerd/containerd.pid")).unwrap_or_default();
        kill(Pid::from_raw(i32::try_from(daemon.id())?), signal)?;
        daemon.wait()?;
        // It goes with its daemon, a little later; a new daemon would take it for one that can be used.
        while !containerd.is_empty() && Path::new("/proc").join(containerd.trim()).exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl OwnDocker {
    /// A daemon with `--live-restore` leaves its mounts behind, which keep its directory from being removed.
    fn unmount(&self) -> Result<()> {
        unmount_below(self.directory.path())
    }
}

impl Drop for OwnDocker {
    fn drop(&mut self) {
        if let Err(error) = self.end(Signal::SIGTERM).and_then(|()| self.unmount()) {
            eprintln!("the test's own Docker engine was not taken down: {error}");
        }
    }
}

#[test]
fn pods_survive_a_daemon_that_is_killed_and_comes_back() {
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/sbin/dockerd").exists() {
        eprintln!("\n*** SKIPPED: only root with dockerd can start a Docker engine to kill ***\n");
        return;
    }
    let docker = OwnDocker::start().unwrap();
    let endpoint = docker.endpoint();
    let config = format!("endpoint = {endpoint:?}\nnetwork = \"none\"\n");
    // It has to outlive the test, so that what the test leaves behind can be removed.
    let docker = &Mutex::new(docker);
    on_docker_at(&endpoint, &config, |world| async move {
        let steady = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        let before = world.until_running(&steady).await?;
        let mut waiting = script("until test -e /dev/shm/end; do sleep 0.1; done; exit 9");
        waiting["env"] = json!([{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}]);
        let ending = world.run(json!({"restartPolicy": "Never", "containers": [waiting.clone()]})).await?;
        let restarting = world.run(json!({"containers": [waiting]})).await?;
        for pod in [&ending, &restarting] {
            world.until_running(pod).await?;
        }

        docker.lock().end(Signal::SIGKILL)?;
        for pod in [&ending, &restarting] {
            end_by_hand(pod.uid.as_str())?;
        }
        let down = |error: vk_core::Error| assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        down(world.engine.list(None).await.unwrap_err());
        down(world.engine.lookup(steady.target()).await.unwrap_err());
        down(world.node.ping().await.unwrap_err());
        let refused = world.try_create(&world.pod(once("true"))).await.unwrap_err();
        down(refused);
        let during = world.until(&steady, "anything", |_| true).await?;
        assert_eq!((during.stage, &during.containers), (Stage::Active, &before.containers));

        docker.lock().resume()?;
        let seen = world.until_stopped(&ending).await?;
        assert_eq!((find(&seen, "main").unwrap().restarts, ended(&seen, "main").exit_code), (0, 9));
        world.until(&restarting, "a restart by policy", |seen| find(seen, "main").unwrap().restarts == 1).await?;
        let listed = world.engine.list(None).await?;
        let after = listed.pods.iter().find(|pod| pod.uid == steady.uid).context("the steady pod")?;
        assert_eq!(after.containers, before.containers, "the same run of the same container");
        let new = world.run(once("exit 3")).await?;
        let seen = world.until_stopped(&new).await?;
        assert_eq!(ended(&seen, "main").exit_code, 3);
        Ok(())
    });
}

/// Has the script of a pod's container end, without Docker: by the file that it waits for.
fn end_by_hand(uid: &str) -> Result<()> {
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let environment = std::fs::read_to_string(path.join("environ")).unwrap_or_default();
        if environment.contains(&format!("POD_UID={uid}\0")) {
            std::fs::write(path.join("root/dev/shm/end"), "")?;
            return Ok(());
        }
    }
    bail!("no process of pod {uid}")
}

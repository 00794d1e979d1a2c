//! Ends a command whose client has gone. Docker has no call for that, so its processes are signalled on this host.

use std::fs;
use std::time::Duration;

use bollard::Docker;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use vk_pod_engine::runtime::ContainerId;

use crate::connection::status_of;

/// Time to end after SIGHUP; SIGKILL comes then.
const GRACE: Duration = Duration::from_secs(2);

/// After SIGKILL a process is gone, unless it hangs in the kernel.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// A command that was asked for may take so long until it has a process, and Docker until it says so. With what comes after it
/// is less than the agent's end may take.
const STARTS_WITHIN: Duration = Duration::from_secs(5);

/// How often is looked whether something has changed.
const PACE: Duration = Duration::from_millis(100);

/// A command that is not to outlive its client: dropped, it hangs up, as a terminal line does. All processes of the command's
/// session get SIGHUP, and SIGKILL if they are still there two seconds later. The agent does not end before that.
pub(super) struct HangUp {
    /// `None` once the command has ended by itself.
    armed: Option<(Command, TaskTrackerToken)>,
}

struct Command {
    docker: Docker,
    container: ContainerId,
    exec: String,
}

impl HangUp {
    pub(super) fn new(docker: &Docker, container: &ContainerId, exec: &str, last_tasks: &TaskTracker) -> Self {
        let command = Command { docker: docker.clone(), container: container.clone(), exec: exec.to_owned() };
        Self { armed: Some((command, last_tasks.token())) }
    }

    /// There is nothing to be ended any more.
    pub(super) fn disarm(mut self) {
        self.armed = None;
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        if let (Some((command, to_be_done)), Ok(runtime)) = (self.armed.take(), Handle::try_current()) {
            runtime.spawn(async move {
                command.hang_up().await;
                drop(to_be_done);
            });
        }
    }
}

impl Command {
    async fn hang_up(self) {
        let leader = match self.leader().await {
            Ok(Some(leader)) => leader,
            Ok(None) => return,
            Err(error) => {
                let container = self.container.as_str();
                tracing::warn!(container, error, "a command whose client has gone runs on: its process is not known");
                return;
            }
        };
        for (signal, patience) in [(Signal::SIGHUP, GRACE), (Signal::SIGKILL, LAST_LOOK)] {
            if self.signal(leader, Some(signal)).await == 0 {
                return;
            }
            let given_up = Instant::now() + patience;
            while Instant::now() < given_up {
                sleep(PACE).await;
                if self.signal(leader, None).await == 0 {
                    return;
                }
            }
        }
        let container = self.container.as_str();
        tracing::warn!(container, leader = leader.as_raw(), "a command whose client has gone cannot be ended");
    }

    /// The process that leads the command's session, as this host counts; `None` if the command has ended.
    ///
    /// # Errors
    /// If Docker has not said so in time.
    async fn leader(&self) -> Result<Option<Pid>, String> {
        let mut trouble = "it has not begun".to_owned();
        let asking = async {
            loop {
                match self.docker.inspect_exec(&self.exec).await {
                    Ok(state) => {
                        if let Some(pid) = state.pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1) {
                            return Some(Pid::from_raw(pid));
                        }
                        if state.exit_code.is_some() {
                            return None;
                        }
                    }
                    // With its container it has gone, too.
                    Err(error) if status_of(&error) == Some(404) => return None,
                    Err(error) => trouble = error.to_string(),
                }
                sleep(PACE).await;
            }
        };
        timeout(STARTS_WITHIN, asking).await.map_err(|_| trouble)
    }

    /// Signals every process of the session and says how many there are.
    async fn signal(&self, leader: Pid, signal: Option<Signal>) -> usize {
        let container = self.container.clone();
        let found = tokio::task::spawn_blocking(move || {
            let members = members(leader, &container);
            for &member in &members {
                // One that has ended in the meantime needs no signal.
                let _ = signal.map(|signal| kill(member, signal));
            }
            members.len()
        });
        found.await.unwrap_or_default()
    }
}

/// The processes of a session inside a container. That the numbers are this host's shows in their control group, whose name
/// has the container's id: an agent in another process namespace finds none, and harms none.
fn members(leader: Pid, container: &ContainerId) -> Vec<Pid> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw));
    processes.filter(|process| is_of_session(*process, leader) && is_in_container(*process, container)).collect()
}

/// `/proc/PID/stat` (proc(5)): after the name in parentheses come state, parent, process group and session.
fn is_of_session(process: Pid, leader: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let (state, session) = (fields.next(), fields.nth(2));
    !matches!(state, Some("Z" | "X")) && session.and_then(|session| session.parse().ok()) == Some(leader.as_raw())
}

fn is_in_container(process: Pid, container: &ContainerId) -> bool {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    !container.as_str().is_empty() && groups.contains(container.as_str())
}

#[cfg(test)]
mod tests {
    use nix::unistd::getsid;
    use serde_json::json;

    use super::*;
    use crate::fake_docker::FakeDocker;

    #[test]
    fn a_session_is_read_from_proc() {
        let (own, session) = (Pid::this(), getsid(None).unwrap());
        assert!(is_of_session(own, session));
        assert!(!is_of_session(own, Pid::from_raw(i32::MAX)));
    }

    /// The same numbers in another container, or outside of any, are other processes.
    #[test]
    fn nothing_outside_the_container_belongs_to_it() {
        let session = getsid(None).unwrap();
        for container in ["", "4f5c0de4f5c0de4f5c0de"] {
            assert_eq!(members(session, &ContainerId::new(container)), []);
        }
    }

    /// Docker may be busy, or may be restarting, in the very moment.
    #[tokio::test]
    async fn docker_is_asked_again_for_what_it_did_not_say() {
        let docker = FakeDocker::start(json!("nothing of use"));
        let client =
            Docker::connect_with_unix(&docker.socket().to_string_lossy(), 10, bollard::API_DEFAULT_VERSION).unwrap();
        let command = Command { docker: client, container: ContainerId::new("c"), exec: "e".to_owned() };
        let leader = tokio::spawn(async move { command.leader().await });
        while docker.paths().len() < 3 {
            sleep(PACE).await;
        }
        docker.replace(json!({"ID": "e", "Running": true, "Pid": 4711}));
        assert_eq!(leader.await.unwrap(), Ok(Some(Pid::from_raw(4711))));
    }
}

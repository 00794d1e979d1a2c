//! What Docker says about one container.

use std::net::IpAddr;

use bollard::models::{ContainerInspectResponse, ContainerState, ContainerStateStatusEnum};
use jiff::Timestamp;
use vk_core::Terminated;
use vk_pod_engine::runtime::{ContainerId, ContainerIdentity, RunState, RuntimeContainer, RuntimeSandbox, SandboxId};

use super::SCHEME;

/// Exit code and reason of a container that could not be started, as containerd reports it to a kubelet.
const START_ERROR: (i32, &str) = (128, "StartError");

/// The sandbox that a container is; `None` if Docker is just removing it.
pub(super) fn sandbox(found: &ContainerInspectResponse, attempt: u32) -> Option<RuntimeSandbox> {
    let state = found.state.as_ref()?;
    if state.status == Some(ContainerStateStatusEnum::REMOVING) {
        return None;
    }
    Some(RuntimeSandbox {
        id: SandboxId::new(found.id.clone()?),
        attempt,
        running: state.running.unwrap_or(false),
        ips: ips(found),
    })
}

/// Addresses in all networks, those of IPv4 first.
fn ips(found: &ContainerInspectResponse) -> Vec<IpAddr> {
    let networks = found.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let mut endpoints: Vec<_> = networks.into_iter().flatten().collect();
    endpoints.sort_by_key(|(name, _)| name.as_str());
    let addresses = endpoints.iter().flat_map(|(_, endpoint)| {
        [endpoint.ip_address.as_deref(), endpoint.global_ipv6_address.as_deref()].into_iter().flatten()
    });
    let mut ips: Vec<IpAddr> = addresses.filter_map(|address| address.parse().ok()).collect();
    ips.sort_by_key(IpAddr::is_ipv6);
    ips
}

/// The run that a container is; `None` if Docker is just removing it.
pub(super) fn container(
    found: &ContainerInspectResponse,
    identity: ContainerIdentity,
    image: String,
    message_from_log: bool,
) -> Option<RuntimeContainer> {
    let state = found.state.as_ref()?;
    if state.status == Some(ContainerStateStatusEnum::REMOVING) {
        return None;
    }
    let id = ContainerId::new(found.id.clone()?);
    let state = run_state(state, &id);
    let ContainerIdentity { name, kind, attempt, sandbox_attempt, spec_hash, .. } = identity;
    let image_id = found.image.as_ref().map(|id| format!("{SCHEME}://{id}")).unwrap_or_default();
    Some(RuntimeContainer {
        id,
        name,
        kind,
        attempt,
        sandbox_attempt,
        spec_hash,
        image,
        image_id,
        state,
        message_from_log,
    })
}

fn run_state(state: &ContainerState, id: &ContainerId) -> RunState {
    let error = state.error.clone().unwrap_or_default();
    if state.running == Some(true) {
        return RunState::Running { started_at: time(state.started_at.as_deref()) };
    }
    let container_id = format!("{SCHEME}://{id}");
    if state.status == Some(ContainerStateStatusEnum::CREATED) {
        if error.is_empty() {
            return RunState::Created;
        }
        let mut ended = Terminated::with_exit_code(START_ERROR.0);
        ended.reason = START_ERROR.1.to_owned();
        ended.message = error;
        ended.container_id = container_id;
        return RunState::Exited(ended);
    }
    let exit_code = state.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or(-1);
    let mut ended = Terminated::with_exit_code(exit_code);
    // Docker remembers that any process was killed for memory, also where the container itself ended well.
    if state.oom_killed == Some(true) && exit_code != 0 {
        ended.reason = "OOMKilled".to_owned();
    }
    ended.message = error;
    ended.started_at = time(state.started_at.as_deref());
    // Docker notes the start of a container that ends at once after its end.
    ended.finished_at = time(state.finished_at.as_deref()).max(ended.started_at);
    ended.container_id = container_id;
    RunState::Exited(ended)
}

/// A time as Docker writes it; the year 1 stands for none.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok().filter(|time: &Timestamp| *time > Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: ContainerStateStatusEnum, exit_code: i64) -> ContainerState {
        ContainerState {
            status: Some(status),
            running: Some(status == ContainerStateStatusEnum::RUNNING),
            exit_code: Some(exit_code),
            started_at: Some("2026-01-01T00:00:00.5Z".to_owned()),
            finished_at: Some("0001-01-01T00:00:00Z".to_owned()),
            ..ContainerState::default()
        }
    }

    fn ended(state: &ContainerState) -> Terminated {
        match run_state(state, &ContainerId::new("c")) {
            RunState::Exited(ended) => ended,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_exit_code_is_kept_and_a_kill_for_memory_named() {
        let mut exited = state(ContainerStateStatusEnum::EXITED, 137);
        assert_eq!((ended(&exited).exit_code, ended(&exited).reason.as_str()), (137, "Error"));
        exited.oom_killed = Some(true);
        assert_eq!(ended(&exited).reason, "OOMKilled");
        exited.exit_code = Some(0);
        assert_eq!(ended(&exited).reason, "Completed");
        assert!(ended(&exited).started_at.is_some());
    }

    #[test]
    fn no_run_ends_before_it_begins() {
        let mut exited = state(ContainerStateStatusEnum::EXITED, 0);
        for finished_at in ["0001-01-01T00:00:00Z", "2026-01-01T00:00:00.4Z"] {
            exited.finished_at = Some(finished_at.to_owned());
            assert_eq!(ended(&exited).finished_at, ended(&exited).started_at);
        }
        exited.finished_at = Some("2026-01-01T00:00:02Z".to_owned());
        assert!(ended(&exited).finished_at > ended(&exited).started_at);
    }

    #[test]
    fn a_container_that_could_not_be_started_has_run_and_failed() {
        let mut created = state(ContainerStateStatusEnum::CREATED, 127);
        assert_eq!(run_state(&created, &ContainerId::new("c")), RunState::Created);
        created.error = Some("exec: \"nope\": not found".to_owned());
        assert_eq!((ended(&created).exit_code, ended(&created).reason.as_str()), (128, "StartError"));
    }
}

//! Carries out probes and hooks: in the container, or over the network.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Container, ExecAction, GRPCAction, HTTPGetAction, LifecycleHandler, Pod, Probe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use vk_core::{Error, Result};

use super::actor::Shared;
use super::pod::Given;
use crate::machine::ProbeAnswer;
use crate::plan::{Hook, ProbeKind};
use crate::runtime::{ContainerId, ContainerRuntime, HttpQuestion, NetworkQuestion};
use crate::translate;

/// As much as is shown of what a failed command wrote.
const SHOWN: usize = 1024;
/// What ends a hook that is forgotten: the machine ends it by its own deadlines long before.
const LONGEST_HOOK: Duration = Duration::from_secs(24 * 3600);

/// The run of a container that is asked.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) given: Option<&'a Given>,
    pub(super) container: &'a str,
    pub(super) id: &'a ContainerId,
    pub(super) ip: Option<IpAddr>,
}

/// How a container is asked.
enum Action {
    Exec(Vec<String>),
    Network(NetworkQuestion),
    Sleep(Duration),
}

/// Asks a probe. An error means that it could not be asked: then nothing is known.
pub(super) async fn probe<R: ContainerRuntime>(
    shared: &Shared<R>,
    subject: Subject<'_>,
    kind: ProbeKind,
) -> Result<ProbeAnswer> {
    let (action, timeout) = {
        let pod = subject.pod()?;
        let container = subject.find(&pod)?;
        let probe = match kind {
            ProbeKind::Startup => &container.startup_probe,
            ProbeKind::Liveness => &container.liveness_probe,
            ProbeKind::Readiness => &container.readiness_probe,
        };
        let probe = probe.as_ref().ok_or_else(|| Error::internal("the pod has no such probe"))?;
        let seconds = probe.timeout_seconds.unwrap_or(1).max(1).unsigned_abs();
        (subject.of_probe(container, probe)?, Duration::from_secs(seconds.into()))
    };
    match tokio::time::timeout(timeout, carry_out(shared, subject, action)).await {
        Ok(answer) => answer,
        Err(_) => Ok(ProbeAnswer::Failed(format!("no answer within {timeout:?}"))),
    }
}

/// Runs a hook to its end.
pub(super) async fn run_hook<R: ContainerRuntime>(shared: &Shared<R>, subject: Subject<'_>, hook: Hook) -> Result<()> {
    let action = {
        let pod = subject.pod()?;
        let container = subject.find(&pod)?;
        let lifecycle = container.lifecycle.as_ref();
        let handler = lifecycle.and_then(|lifecycle| match hook {
            Hook::PostStart => lifecycle.post_start.as_ref(),
            Hook::PreStop => lifecycle.pre_stop.as_ref(),
        });
        let handler = handler.ok_or_else(|| Error::internal("the pod has no such hook"))?;
        subject.of_hook(container, handler)?
    };
    match tokio::time::timeout(LONGEST_HOOK, carry_out(shared, subject, action)).await {
        Ok(Ok(ProbeAnswer::Passed)) => Ok(()),
        Ok(Ok(ProbeAnswer::Failed(why))) => Err(Error::internal(why)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::internal("it did not end within a day")),
    }
}

async fn carry_out<R: ContainerRuntime>(
    shared: &Shared<R>,
    subject: Subject<'_>,
    action: Action,
) -> Result<ProbeAnswer> {
    match action {
        Action::Exec(command) => {
            let ended = shared.runtime.exec(subject.id, command).await?;
            let output: String = ended.output.chars().take(SHOWN).collect();
            Ok(match ended.exit_code {
                0 => ProbeAnswer::Passed,
                code => ProbeAnswer::Failed(format!("the command ended with exit code {code}: {}", output.trim_end())),
            })
        }
        Action::Network(question) => match &shared.runtime.features().network_probe {
            Some(network) => Ok(network.ask(question).await),
            None => Err(Error::internal("this runtime asks nothing over the network")),
        },
        Action::Sleep(time) => {
            tokio::time::sleep(time).await;
            Ok(ProbeAnswer::Passed)
        }
    }
}

impl Subject<'_> {
    fn pod(&self) -> Result<Pod> {
        self.given.ok_or_else(|| Error::internal("a container of a pod that was not given"))?.raw.decode()
    }

    fn find<'p>(&self, pod: &'p Pod) -> Result<&'p Container> {
        let mut containers = translate::containers(pod).map(|(_, container)| container);
        let found = containers.find(|container| container.name == self.container);
        found.ok_or_else(|| Error::internal(format!("the pod has no container {:?}", self.container)))
    }

    fn of_probe(&self, container: &Container, probe: &Probe) -> Result<Action> {
        if let Some(grpc) = &probe.grpc {
            return self.grpc(grpc);
        }
        self.of_handlers(container, probe.exec.as_ref(), probe.http_get.as_ref(), probe.tcp_socket.as_ref())
    }

    fn of_hook(&self, container: &Container, hook: &LifecycleHandler) -> Result<Action> {
        if let Some(sleep) = &hook.sleep {
            return Ok(Action::Sleep(Duration::from_secs(sleep.seconds.max(0).unsigned_abs())));
        }
        self.of_handlers(container, hook.exec.as_ref(), hook.http_get.as_ref(), hook.tcp_socket.as_ref())
    }

    fn of_handlers(
        &self,
        container: &Container,
        exec: Option<&ExecAction>,
        http: Option<&HTTPGetAction>,
        tcp: Option<&TCPSocketAction>,
    ) -> Result<Action> {
        if let Some(exec) = exec {
            return Ok(Action::Exec(exec.command.clone().unwrap_or_default()));
        }
        if let Some(http) = http {
            return self.http(container, http);
        }
        if let Some(tcp) = tcp {
            let (host, port) = (self.host(tcp.host.as_deref())?, port_of(container, &tcp.port)?);
            return Ok(Action::Network(NetworkQuestion::Tcp { host, port }));
        }
        Err(Error::internal("a probe or hook without a handler"))
    }

    fn http(&self, container: &Container, http: &HTTPGetAction) -> Result<Action> {
        let path = http.path.as_deref().unwrap_or("/");
        let headers = http.http_headers.iter().flatten();
        Ok(Action::Network(NetworkQuestion::Http(HttpQuestion {
            host: self.host(http.host.as_deref())?,
            port: port_of(container, &http.port)?,
            tls: http.scheme.as_deref() == Some("HTTPS"),
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
        })))
    }

    fn grpc(&self, grpc: &GRPCAction) -> Result<Action> {
        let port = u16::try_from(grpc.port).map_err(|_| Error::internal(format!("{} is no port", grpc.port)))?;
        let service = grpc.service.clone().unwrap_or_default();
        Ok(Action::Network(NetworkQuestion::Grpc { host: self.address()?, port, service }))
    }

    fn address(&self) -> Result<IpAddr> {
        self.ip.ok_or_else(|| Error::unavailable("the pod has no address"))
    }

    fn host(&self, named: Option<&str>) -> Result<String> {
        match named.filter(|host| !host.is_empty()) {
            Some(host) => Ok(host.to_owned()),
            None => self.address().map(|ip| ip.to_string()),
        }
    }
}

/// A port by number, or by its name among the container's ports.
fn port_of(container: &Container, port: &IntOrString) -> Result<u16> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let ports = container.ports.iter().flatten();
            let named = ports.filter(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port).next();
            named.or_else(|| name.parse().ok())
        }
    };
    let valid = number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
    valid.ok_or_else(|| Error::internal(format!("container {:?} has no port {port:?}", container.name)))
}

#[cfg(test)]
mod tests;

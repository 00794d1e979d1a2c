//! Sandboxes: a container that holds the network and IPC namespace of a pod.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, PortBinding, PortMap};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt;
use vk_core::{Error, Result};
use vk_pod_engine::runtime::{PullRequest, RuntimeSandbox, SandboxSpec};

use super::{DockerRuntime, container, image, inspect};
use crate::connection::{error_of, read_error};
use crate::labels::Labels;
use crate::names::{Role, docker_name};
use crate::pause;

impl DockerRuntime {
    pub(super) async fn make_sandbox(&self, spec: &SandboxSpec) -> Result<RuntimeSandbox> {
        let docker = self.connection.docker().await?;
        let image = self.pause_image_id().await?;
        let name = docker_name(&self.owner, &spec.pod, Role::Sandbox, spec.attempt);
        let labels = self.owner.sandbox_labels(&spec.pod, spec.attempt);
        let id = self.create_named(&name, body(spec, image, &self.settings.network, labels)).await?;
        // Starting a container that runs already changes nothing.
        docker.start_container(&id, None).await.map_err(error_of)?;
        let found = docker.inspect_container(&id, None).await.map_err(read_error)?;
        let sandbox = inspect::sandbox(&found, spec.attempt);
        sandbox.filter(|sandbox| sandbox.running).ok_or_else(|| {
            let error = found.state.and_then(|state| state.error).unwrap_or_default();
            Error::internal(format!("the sandbox container {name} ended at once: {error}"))
        })
    }

    /// The image of sandbox containers, made or fetched if it is not there.
    async fn pause_image_id(&self) -> Result<String> {
        let docker = self.connection.docker().await?;
        if let Some(configured) = &self.settings.pause_image {
            if let Some(found) = image::find(&docker, configured).await? {
                return Ok(found.id);
            }
            return Ok(image::pull(&docker, &PullRequest::anonymous(configured)).await?.id);
        }
        let info = docker.info().await.map_err(read_error)?;
        let architecture = info.architecture.unwrap_or_default();
        let root = pause::root_file_system(&architecture).ok_or_else(|| {
            Error::internal(format!("there is no built-in sandbox image for {architecture}: set pause_image"))
        })?;
        let (repository, tag) = pause::name(&root);
        let reference = format!("{repository}:{tag}");
        if let Some(found) = image::find(&docker, &reference).await? {
            return Ok(found.id);
        }
        let options = CreateImageOptionsBuilder::default()
            .from_src("-")
            .repo(&repository)
            .tag(&tag)
            .changes(pause::changes())
            .build();
        let import = docker.create_image(Some(options), Some(bollard::body_full(root.into())), None);
        import.try_collect::<Vec<_>>().await.map_err(error_of)?;
        let found = image::find(&docker, &reference).await?;
        let missing = || Error::internal(format!("Docker imported {reference} and does not know it"));
        found.map(|image| image.id).ok_or_else(missing)
    }
}

fn body(spec: &SandboxSpec, image: String, network: &str, labels: Labels) -> ContainerCreateBody {
    let some = |words: &Vec<String>| (!words.is_empty()).then(|| words.clone());
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let on_host = spec.host_network;
    let aliases =
        spec.host_aliases.iter().flat_map(|alias| alias.names.iter().map(move |name| format!("{name}:{}", alias.ip)));
    let (exposed, bindings) = ports(spec);
    ContainerCreateBody {
        image: Some(image),
        // Docker refuses names of its own on the host's network.
        hostname: text(&spec.hostname).filter(|_| !on_host),
        domainname: text(&spec.domain).filter(|_| !on_host),
        labels: Some(labels),
        exposed_ports: Some(exposed),
        host_config: Some(HostConfig {
            network_mode: Some(if on_host { "host".to_owned() } else { network.to_owned() }),
            ipc_mode: Some(if spec.host_ipc { "host".to_owned() } else { "shareable".to_owned() }),
            restart_policy: Some(container::no_restarts()),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            dns: some(&spec.dns.servers),
            dns_search: some(&spec.dns.searches),
            dns_options: some(&spec.dns.options),
            extra_hosts: Some(aliases.collect()),
            port_bindings: Some(bindings),
            cpu_shares: Some(2),
            cap_drop: Some(vec!["ALL".to_owned()]),
            readonly_rootfs: Some(true),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

fn ports(spec: &SandboxSpec) -> (Vec<String>, PortMap) {
    let mut bindings: PortMap = HashMap::new();
    for port in &spec.ports {
        let key = format!("{}/{}", port.container_port, port.protocol);
        let binding =
            PortBinding { host_ip: port.host_ip.map(|ip| ip.to_string()), host_port: Some(port.host_port.to_string()) };
        bindings.entry(key).or_default().get_or_insert_default().push(binding);
    }
    let mut exposed: Vec<String> = bindings.keys().cloned().collect();
    exposed.sort();
    (exposed, bindings)
}

#[cfg(test)]
mod tests {
    use vk_pod_engine::runtime::{Dns, HostAlias, PodIdentity, PortMapping};

    use super::*;

    fn spec() -> SandboxSpec {
        let pod = PodIdentity { uid: "u".into(), namespace: "n".to_owned(), name: "web".to_owned() };
        SandboxSpec::new(pod, 0)
    }

    #[test]
    fn a_sandbox_shares_its_ipc_namespace_and_may_do_nothing() {
        let made = body(&spec(), "i".to_owned(), "bridge", Labels::new());
        assert_eq!(made.hostname.as_deref(), Some("web"));
        let host = made.host_config.unwrap();
        assert_eq!(host.ipc_mode.as_deref(), Some("shareable"));
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
    }

    #[test]
    fn names_and_ports_of_the_host_are_docker_s_own_words() {
        let mut spec = spec();
        spec.dns = Dns { servers: vec!["10.0.0.10".to_owned()], ..Dns::default() };
        spec.host_aliases =
            vec![HostAlias { ip: "10.0.0.1".parse().unwrap(), names: vec!["a".to_owned(), "b".to_owned()] }];
        let port = |host_port| PortMapping { protocol: "tcp", container_port: 80, host_port, host_ip: None };
        spec.ports = vec![port(8080), port(8081)];
        let made = body(&spec, "i".to_owned(), "bridge", Labels::new());
        assert_eq!(made.exposed_ports.unwrap(), ["80/tcp"]);
        let host = made.host_config.unwrap();
        assert_eq!(host.extra_hosts.unwrap(), ["a:10.0.0.1", "b:10.0.0.1"]);
        assert_eq!(host.dns.unwrap(), ["10.0.0.10"]);
        let bound = host.port_bindings.unwrap();
        let ports: Vec<_> =
            bound["80/tcp"].as_ref().unwrap().iter().map(|port| port.host_port.clone().unwrap()).collect();
        assert_eq!(ports, ["8080", "8081"]);
    }

    #[test]
    fn the_host_s_network_has_the_host_s_name() {
        let mut spec = spec();
        spec.host_network = true;
        let made = body(&spec, "i".to_owned(), "bridge", Labels::new());
        assert_eq!(made.hostname, None);
        assert_eq!(made.host_config.unwrap().network_mode.as_deref(), Some("host"));
    }
}

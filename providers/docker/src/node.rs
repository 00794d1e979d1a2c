//! [`DockerNode`]: what the Node object says about the Docker engine.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::SystemInfo;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use vk_core::node::{NodeInfo, NodeShape};
use vk_core::{Error, Result};
use vk_provider::NodeProvider;

use crate::config::Capacity;
use crate::connection::{Connection, read_error};

/// The kubelet's default.
const DEFAULT_PODS: &str = "110";
/// A ping that takes longer has failed.
const PING_TIME: Duration = Duration::from_secs(5);

/// Describes a Docker engine as a node.
pub struct DockerNode {
    connection: Connection,
    capacity: Capacity,
}

impl DockerNode {
    pub(crate) fn new(connection: Connection, capacity: Capacity) -> Self {
        Self { connection, capacity }
    }

    /// Refuses an engine that answers, and whose API is too old or too new. One that does not answer is waited for.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Invalid`] with the version that was found, the one that is needed, and what to do.
    pub async fn refuse_wrong_version(&self) -> Result<()> {
        self.connection.refuse_wrong_version().await.map_err(|message| Error::invalid("endpoint", message))
    }
}

impl NodeProvider for DockerNode {
    async fn shape(&self) -> Result<NodeShape> {
        let docker = self.connection.docker().await?;
        let info = docker.info().await.map_err(read_error)?;
        Ok(shape(&info, &self.capacity))
    }

    async fn ping(&self) -> Result<()> {
        let ping = async {
            let docker = self.connection.docker().await?;
            docker.ping().await.map_err(read_error)
        };
        match tokio::time::timeout(PING_TIME, ping).await {
            Ok(result) => result.map(|_| ()),
            Err(_) => Err(Error::unavailable(format!("Docker gave no answer within {PING_TIME:?}"))),
        }
    }
}

fn shape(info: &SystemInfo, capacity: &Capacity) -> NodeShape {
    let processors = || info.ncpu.unwrap_or(0).to_string();
    let memory = || format!("{}Ki", info.mem_total.unwrap_or(0) / 1024);
    let amounts = [
        ("cpu", capacity.cpu.clone().unwrap_or_else(processors)),
        ("memory", capacity.memory.clone().unwrap_or_else(memory)),
        ("pods", capacity.pods.clone().unwrap_or_else(|| DEFAULT_PODS.to_owned())),
    ];
    let amounts: BTreeMap<_, _> =
        amounts.into_iter().map(|(name, amount)| (name.to_owned(), Quantity(amount))).collect();
    let mut shape = NodeShape::with_capacity(amounts);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    shape.info = NodeInfo {
        operating_system: text(&info.os_type),
        architecture: architecture(&text(&info.architecture)),
        kernel_version: text(&info.kernel_version),
        os_image: text(&info.operating_system),
        container_runtime_version: format!("docker://{}", text(&info.server_version)),
    };
    shape
}

/// Go's name of a processor for the kernel's.
fn architecture(machine: &str) -> String {
    let known = [("x86_64", "amd64"), ("aarch64", "arm64"), ("armv7l", "arm"), ("i686", "386")];
    let found = known.iter().find(|(kernel, _)| *kernel == machine);
    found.map_or(machine, |(_, go)| go).to_owned()
}

impl std::fmt::Debug for DockerNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerNode").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_wins_over_what_docker_says() {
        let info = SystemInfo {
            ncpu: Some(8),
            mem_total: Some(4 << 30),
            architecture: Some("x86_64".to_owned()),
            server_version: Some("20.10.24".to_owned()),
            ..SystemInfo::default()
        };
        let capacity = Capacity { cpu: Some("2".to_owned()), ..Capacity::default() };
        let shape = shape(&info, &capacity);
        let amount = |name: &str| shape.capacity[name].0.clone();
        assert_eq!((amount("cpu"), amount("memory"), amount("pods")), ("2".into(), "4194304Ki".into(), "110".into()));
        assert_eq!(shape.info.architecture, "amd64");
        assert_eq!(shape.info.container_runtime_version, "docker://20.10.24");
    }
}

//! Runs pods in Docker.
//!
//! [`DockerRuntime`] is a [`vk_pod_engine::ContainerRuntime`]: containers, images, logs and events by the Docker Engine API
//! (1.41 or newer, negotiated). A pod's sandbox is a small container that holds network and IPC namespace; the others join
//! it. Labels tell whose everything is, so that a new agent finds it again. Everything above that is the pod engine's.
//!
//! Programs use [`DockerFactory`].

mod capabilities;
mod config;
mod connection;
mod factory;
#[cfg(test)]
mod fake_docker;
mod labels;
mod names;
mod network_probe;
mod node;
mod output;
mod pause;
mod runtime;
mod support;
mod version;
mod volumes;

pub use config::{Capacity, ConfigError, DockerConfig};
pub use factory::DockerFactory;
pub use node::DockerNode;
pub use runtime::DockerRuntime;
pub use volumes::LocalVolumeStore;

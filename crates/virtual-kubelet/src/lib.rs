//! Build a virtual kubelet: a node agent that looks like a kubelet to Kubernetes and runs pods on anything.
//!
//! A provider author implements [`provider::Provider`] (or `pod_engine::ContainerRuntime`) and hands it to an agent. The
//! crate re-exports everything that takes part, so that one dependency is enough; the controllers are public and can be used
//! without the agent.

mod agent;
mod heartbeat;
mod node_spec;
pub mod permissions;
mod pod_source;
mod running_node;
mod system;

pub use agent::{AddNodeError, Agent};
pub use node_spec::NodeSpec;
pub use running_node::{NodeFailure, RunningNode};
pub use system::{ScopedSpawner, SystemClock};

/// The IO shell: node, lease and pod controllers.
pub use vk_controller as controller;
/// Data types and pure decisions.
pub use vk_core as core;
/// The HTTPS API on port 10250.
pub use vk_kubelet_api as kubelet_api;
/// Makes a provider out of a back end that only runs containers.
pub use vk_pod_engine as pod_engine;
/// The contract between the core and a back end.
pub use vk_provider as provider;

/// The Kubernetes client that the controllers use.
pub use kube;

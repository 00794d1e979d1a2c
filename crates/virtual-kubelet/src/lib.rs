//! Build a virtual kubelet: a node agent that looks like a kubelet to Kubernetes and runs pods on anything.
//!
//! A provider author implements [`provider::Provider`] (or `pod_engine::ContainerRuntime`) and hands it to an agent. The
//! crate re-exports everything that takes part, so that one dependency is enough.
//!
//! # Parts alone
//! The controllers are public and can be used without the agent. A program whose pods, and their statuses, are somebody
//! else's keeps a node and serves `kubectl logs` with these parts, and leaves out [`controller::pod::PodController`]:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use tokio_util::sync::CancellationToken;
//! use virtual_kubelet::controller::env::{Env, Random};
//! use virtual_kubelet::controller::node::{LeaseKeeper, NodeController, SharedClient};
//! use virtual_kubelet::core::node::lease::LeaseHolder;
//! use virtual_kubelet::core::node::{AgentFacts, Identity, KubeletVersion, NodeName};
//! use virtual_kubelet::kubelet_api::{self, KubeletApi, NodeServices, PodSource, SubjectAccessReviewAuthorizer};
//! use virtual_kubelet::provider::{BoxNodeProvider, Interfaces, NodeProvider};
//! use virtual_kubelet::{ScopedSpawner, SystemClock, kube};
//!
//! # async fn example(
//! #     client: kube::Client,
//! #     shape: impl NodeProvider,
//! #     pods: Arc<dyn PodSource>,
//! #     interfaces: Interfaces,
//! #     settings: kubelet_api::Settings,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let spawner = Arc::new(ScopedSpawner::new(tokio::runtime::Handle::current()));
//! let env = Env::new(Arc::new(SystemClock), Random::seeded(1), spawner);
//! let shutdown = CancellationToken::new();
//!
//! // First the lease: it says whether the node is ours.
//! let name = NodeName::parse("virtual-1")?;
//! let holder = LeaseHolder { node: name.clone(), instance: "host-7".to_owned(), host: "host-7".to_owned() };
//! let lease = LeaseKeeper::new(holder).start(&env, Arc::new(SharedClient(client.clone())), shutdown.clone());
//!
//! // The API listens before the Node names its port. `pods` answers what it asks about them.
//! let authorizer = Arc::new(SubjectAccessReviewAuthorizer::new(client.clone()));
//! let clock = kubelet_api::WallClock::new(jiff::Timestamp::now);
//! let services = NodeServices::new(name.as_str(), pods, interfaces, authorizer, clock);
//! let api = KubeletApi::bind(settings, services).await?;
//!
//! let mut facts = AgentFacts::new(name, KubeletVersion::of_this_build(), Identity::Unknown);
//! facts.kubelet_port = Some(api.local_addr().port());
//! let node = NodeController::new(facts, BoxNodeProvider::new(shape)).start(&env, client, lease, &shutdown);
//! api.run(shutdown).await;
//! node.ended().await;
//! # Ok(())
//! # }
//! ```

mod agent;
mod certificates;
mod configuration;
mod feature_gates;
mod heartbeat;
mod node_spec;
pub mod permissions;
mod pod_source;
mod running_node;
mod sync_loop;
mod system;

pub use agent::{AddNodeError, Agent};
pub use certificates::{ServingCertificate, tell_of_certificates};
pub use feature_gates::{FeatureGates, UnknownFeatureGate};
pub use node_spec::{NodeSpec, ReviewCaching};
pub use running_node::{NodeFailure, RunningNode};
pub use system::{ScopedSpawner, SystemClock};

/// Certificates that the cluster signs.
pub use vk_certificates as certificate_requests;
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

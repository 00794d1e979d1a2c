//! [`NodeSpec`]: everything that makes a node.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use vk_controller::node::NodeSettings;
use vk_controller::pod::PodSettings;
use vk_core::node::{AgentFacts, Identity, InvalidNodeName, KubeletVersion, NodeName};
use vk_kubelet_api::{AuthorizationTtls, MetricsSource, Settings, TOKEN_CACHE_TTL};
use vk_provider::layer::TimeoutsLayer;
use vk_provider::{BoxNodeProvider, BoxProvider, NodeProvider, Provider};

use crate::certificates::ServingCertificate;
use crate::feature_gates::FeatureGates;

/// A node to be added to an agent. [`NodeSpec::new`] is enough for a first one; set what differs.
#[derive(Debug)]
#[non_exhaustive]
pub struct NodeSpec {
    /// Name, addresses, labels, taints and whatever else the Node says about the agent.
    pub facts: AgentFacts,
    /// Names this agent across restarts, and no other: whoever comes back with the same one takes the node over at once.
    pub instance: String,
    /// Where it runs; for messages.
    pub host: String,
    /// Runs the pods.
    pub provider: BoxProvider,
    /// Describes the node.
    pub node_provider: BoxNodeProvider,
    /// The API on port 10250; without it `kubectl logs` does not work.
    pub kubelet_api: Option<Settings>,
    /// What the agent counts about itself, for `/metrics` on port 10250.
    pub metrics: Option<Arc<dyn MetricsSource>>,
    /// Further fields of a `KubeletConfiguration` that `/configz` shows, such as `clusterDomain`.
    pub configuration: Map<String, Value>,
    /// What the agent may do that not every cluster has to want.
    pub feature_gates: FeatureGates,
    /// How long the API server's answers about clients of that API are remembered.
    pub reviews: ReviewCaching,
    /// A serving certificate that the agent sees to itself; [`Settings`] name its files, and await them.
    pub serving_certificate: Option<ServingCertificate>,
    /// How pods are handled.
    pub pods: PodSettings,
    /// How the Node is kept.
    pub node_settings: NodeSettings,
    /// How long provider calls may take.
    pub timeouts: TimeoutsLayer,
    /// How many ConfigMaps and Secrets may be watched at once; further ones are polled.
    pub reference_watches: usize,
}

/// How long the API server's answers about clients of the kubelet API are remembered; zero means not at all. The defaults are
/// a kubelet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReviewCaching {
    /// Whose a bearer token is.
    pub tokens: Duration,
    /// Who may do what.
    pub authorization: AuthorizationTtls,
}

impl Default for ReviewCaching {
    fn default() -> Self {
        Self { tokens: TOKEN_CACHE_TTL, authorization: AuthorizationTtls::default() }
    }
}

/// Bound of provider calls that change something.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// Bound of provider calls that read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Each watch is a connection of its own.
const REFERENCE_WATCHES: usize = 200;

impl NodeSpec {
    /// A node of this name.
    ///
    /// # Errors
    /// If the API server would not take the name.
    pub fn new(name: &str, provider: impl Provider, node_provider: impl NodeProvider) -> Result<Self, InvalidNodeName> {
        let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok()).unwrap_or_default();
        let name = NodeName::parse(name)?;
        Ok(Self {
            facts: AgentFacts::new(name, KubeletVersion::of_this_build(), Identity::Unknown),
            instance: host.clone(),
            host,
            provider: BoxProvider::new(provider),
            node_provider: BoxNodeProvider::new(node_provider),
            kubelet_api: None,
            metrics: None,
            configuration: Map::new(),
            feature_gates: FeatureGates::default(),
            reviews: ReviewCaching::default(),
            serving_certificate: None,
            pods: PodSettings::default(),
            node_settings: NodeSettings::default(),
            timeouts: TimeoutsLayer { write: WRITE_TIMEOUT, read: READ_TIMEOUT },
            reference_watches: REFERENCE_WATCHES,
        })
    }
}

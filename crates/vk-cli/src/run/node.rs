//! From [`Options`] to the agent's [`NodeSpec`].

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use virtual_kubelet::controller::pod;
use virtual_kubelet::kubelet_api;
use virtual_kubelet::{NodeSpec, ServingCertificate};
use vk_core::node::{Identity, NodeAddress};
use vk_provider::{BoxNodeProvider, BoxProvider};

use crate::node_address;
use crate::options::{self, KubeletApiOptions, Options, UnsupportedFields};
use crate::run::error::RunError;

/// What only the start finds out.
pub(super) struct Discovered {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) identity: Identity,
    /// Names this agent across restarts.
    pub(super) instance: String,
    /// Where certificates are kept that the agent sees to itself.
    pub(super) certificates: PathBuf,
}

/// Everything that the agent has to know about the node.
pub(super) async fn spec(
    options: &Options,
    discovered: Discovered,
    provider: BoxProvider,
    node_provider: BoxNodeProvider,
) -> Result<NodeSpec, RunError> {
    let node = &options.node;
    let defect = |error: vk_core::node::InvalidNodeName| RunError::Defect(error.to_string());
    let mut spec = NodeSpec::new(&node.name, provider, node_provider).map_err(defect)?;
    spec.instance = discovered.instance;
    spec.facts.identity = discovered.identity;
    spec.facts.operating_system = node.operating_system.as_str().to_owned();
    spec.facts.taints.extend(node.taint.clone());
    spec.facts.hostname_resolves = node_address::is_name_of(&node.name, &discovered.addresses).await;
    spec.facts.addresses = discovered.addresses.iter().map(internal_ip).collect();
    spec.pods.drain = options.drain_timeout;
    spec.pods.unsupported = match node.unsupported_fields {
        UnsupportedFields::Strict => pod::UnsupportedFields::Strict,
        UnsupportedFields::Warn => pod::UnsupportedFields::Warn,
    };
    spec.facts.outage_policy = node.outage_policy;
    spec.pods.daemon_set_pods = node.daemon_set_pods;
    spec.pods.orphans = node.orphans;
    spec.pods.release = node.release;
    spec.node_settings.deregister_on_exit = node.deregister_on_exit;
    if let Some(workers) = node.pod_workers {
        spec.pods.start_workers = workers;
        spec.pods.stop_workers = workers;
        spec.pods.recovery_workers = workers;
        spec.pods.remove_workers = workers;
    }
    spec.feature_gates = options.kubelet_api.feature_gates;
    spec.reviews = options.kubelet_api.caching;
    spec.serving_certificate = serving_certificate(&options.kubelet_api.serving, discovered.certificates);
    spec.kubelet_api = kubelet_api(&options.kubelet_api, spec.serving_certificate.as_ref(), options.drain_timeout);
    spec.configuration = configuration(options);
    Ok(spec)
}

/// What a kubelet would have been told in its configuration file.
fn configuration(options: &Options) -> Map<String, Value> {
    let dns: Vec<String> = options.cluster.dns.iter().map(IpAddr::to_string).collect();
    Map::from_iter([
        ("clusterDomain".to_owned(), options.cluster.domain.clone().into()),
        ("clusterDNS".to_owned(), dns.into()),
    ])
}

fn internal_ip(address: &IpAddr) -> NodeAddress {
    NodeAddress { kind: "InternalIP".to_owned(), address: address.to_string() }
}

fn serving_certificate(given: &options::ServingCertificate, directory: PathBuf) -> Option<ServingCertificate> {
    match given {
        options::ServingCertificate::Files { .. } => None,
        options::ServingCertificate::Requested => Some(ServingCertificate::requested(directory)),
        options::ServingCertificate::SelfSigned => {
            tracing::warn!(
                "INSECURE: the kubelet API shows a certificate that it signed itself (--self-signed-serving-certificate is \
                 set): clients cannot tell it from somebody in between, and an API server that verifies kubelets refuses it"
            );
            Some(ServingCertificate::self_signed(directory))
        }
    }
}

/// The kubelet API's settings; `None`, with the reason in the log, if it cannot be served. The node runs on without it.
fn kubelet_api(
    options: &KubeletApiOptions,
    awaited: Option<&ServingCertificate>,
    drain_timeout: Duration,
) -> Option<kubelet_api::Settings> {
    let mut api = kubelet_api::Options::new(options.address.socket_address());
    if let options::ServingCertificate::Files { certificate, key } = &options.serving {
        (api.certificate, api.key) = (certificate.clone(), key.clone());
    }
    if let Some(awaited) = awaited {
        (api.certificate, api.key) = (Some(awaited.path()), Some(awaited.path()));
        api.certificate_awaited = true;
    }
    api.tokens = options.tokens;
    api.client_ca.clone_from(&options.client_ca);
    api.no_verify_clients = options.allow_anonymous;
    api.insecure_allow_anonymous = options.allow_anonymous;
    api.limits.drain_timeout = drain_timeout;
    if let Some(timeout) = options.stream_idle_timeout {
        api.limits.stream_idle_timeout = timeout;
    }
    if let Some(timeout) = options.stream_creation_timeout {
        api.limits.stream_creation_timeout = timeout;
    }
    match kubelet_api::Settings::try_from(api) {
        Ok(settings) => Some(settings),
        Err(error) => {
            tracing::warn!("kubectl logs and exec will not work on this node: {error}");
            None
        }
    }
}

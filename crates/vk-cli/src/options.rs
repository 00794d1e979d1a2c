//! [`Options`]: what flags and environment mean together, checked.

mod certificates;
mod feature_gates;
mod ignored;
mod policies;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use virtual_kubelet::FeatureGates;
use vk_core::admission::DaemonSetPods;
use vk_core::machine::Release;
use vk_core::node::{OutagePolicy, Taint};
use vk_core::orphan::OrphanPolicy;

pub use certificates::{ClientCertificateOptions, ServingCertificate};
use virtual_kubelet::ReviewCaching;

use crate::environment::Environment;
use crate::error::{UsageError, Warning};
use crate::flags::{Flags, IgnoredFlags};
use crate::listen::ListenAddress;
use crate::node_name::node_name;
use crate::providers::Providers;
use crate::taint::taint;

const DEFAULT_KUBELET_PORT: u16 = 10250;
const DEFAULT_STATE_DIR: &str = "/var/lib/virtual-kubelet";
const DEFAULT_METRICS_ADDRESS: ListenAddress = ListenAddress { host: None, port: 10255 };
/// Less than the 30 s that Kubernetes gives a pod by default.
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Everything that the agent is told by flags and environment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The node and its provider.
    pub node: NodeOptions,
    /// The cluster that it joins.
    pub cluster: ClusterOptions,
    /// The API that the node serves.
    pub kubelet_api: KubeletApiOptions,
    /// Where metrics and health are served.
    pub metrics: MetricsAddress,
    /// How long streams and last status writes get at the end.
    pub drain_timeout: Duration,
    /// Settings without effect, to be told once.
    pub warnings: Vec<Warning>,
}

/// The node and its provider.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeOptions {
    /// Name of the Node.
    pub name: String,
    /// Name of one of the built-in providers.
    pub provider: String,
    /// The provider's configuration file.
    pub provider_config: Option<PathBuf>,
    /// Operating system of the node.
    pub operating_system: OperatingSystem,
    /// Internal addresses, at most one of each family; empty means the one that leads to the API server.
    pub addresses: Vec<IpAddr>,
    /// The taint, unless it is disabled.
    pub taint: Option<Taint>,
    /// What becomes of a pod that asks for what the provider does not honour.
    pub unsupported_fields: UnsupportedFields,
    /// What becomes of the Node while the provider's back end does not answer.
    pub outage_policy: OutagePolicy,
    /// What becomes of the pods of DaemonSets.
    pub daemon_set_pods: DaemonSetPods,
    /// What becomes of pods that the back end holds and the API does not.
    pub orphans: OrphanPolicy,
    /// When the back end lets go of pods that have ended.
    pub release: Release,
    /// Whether the Node is deleted at the end.
    pub deregister_on_exit: bool,
    /// Where files are kept that must survive a restart.
    pub state_dir: StateDir,
    /// Where certificates are kept that the agent asks for; `None` means below the state directory.
    pub certificate_dir: Option<PathBuf>,
    /// How many provider calls that start pods, that stop them, and that find them again, may be under way at once.
    pub pod_workers: Option<usize>,
}

/// `--os`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatingSystem {
    /// Pods are Linux containers, or behave like them.
    Linux,
    /// Pods are Windows containers.
    Windows,
}

impl OperatingSystem {
    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
        }
    }
}

/// `--unsupported-fields`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsupportedFields {
    /// The pod stays Pending with a reason.
    Strict,
    /// The pod runs, and an Event tells what is not honoured.
    Warn,
}

/// `--state-dir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateDir {
    /// Named by a person: it has to be usable.
    Given(PathBuf),
    /// The default: another one takes its place if it cannot be made.
    Default(PathBuf),
}

impl StateDir {
    /// The directory.
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Given(path) | Self::Default(path) => path,
        }
    }
}

/// The cluster that the node joins.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// The client certificate in it, if the agent asks for that itself.
    pub client_certificate: ClientCertificateOptions,
    /// DNS domain of the cluster.
    pub domain: String,
    /// Addresses of the cluster's DNS service.
    pub dns: Vec<IpAddr>,
    /// What marks back-end objects as this cluster's; `None` means the UID of the Service `default/kubernetes`.
    pub id: Option<String>,
    /// Give up if the node is not ready after this long.
    pub startup_timeout: Option<Duration>,
}

/// The API that the node serves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KubeletApiOptions {
    /// Where it listens.
    pub address: ListenAddress,
    /// Serving certificate.
    pub serving: ServingCertificate,
    /// CA certificates for client certificates.
    pub client_ca: Option<PathBuf>,
    /// Whether clients may come with a bearer token.
    pub tokens: bool,
    /// Whether clients need neither; two flags had to say so.
    pub allow_anonymous: bool,
    /// How long answers about clients are remembered.
    pub caching: ReviewCaching,
    /// How long nothing may move in a session of exec, attach or port-forward; `None` leaves it as it is.
    pub stream_idle_timeout: Option<Duration>,
    /// How long its client may take to open its streams; `None` leaves it as it is.
    pub stream_creation_timeout: Option<Duration>,
    /// What may be left undone.
    pub feature_gates: FeatureGates,
}

/// `--metrics-addr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAddress {
    /// Named by a person: failing to listen there is an error.
    Given(ListenAddress),
    /// The default: failing to listen there is a warning.
    Default(ListenAddress),
    /// Nothing is served.
    None,
}

impl Options {
    /// Checks flags and environment together.
    ///
    /// # Errors
    /// The first setting that cannot be used, and what to do about it.
    pub(crate) fn new(
        flags: Flags,
        ignored: &IgnoredFlags,
        klog: &[String],
        environment: &Environment,
        providers: &Providers,
    ) -> Result<Self, UsageError> {
        let mut warnings = ignored::warnings(ignored, klog)?;
        let drain_timeout = flags.drain_timeout.unwrap_or(DEFAULT_DRAIN_TIMEOUT);
        let metrics = metrics_address(flags.metrics_addr.as_deref())?;
        let kubelet_api = kubelet_api(&flags, environment)?;
        let cluster = cluster(&flags)?;
        let node = node(flags, environment, providers, &mut warnings)?;
        Ok(Self { node, cluster, kubelet_api, metrics, drain_timeout, warnings })
    }
}

fn node(
    flags: Flags,
    environment: &Environment,
    providers: &Providers,
    warnings: &mut Vec<Warning>,
) -> Result<NodeOptions, UsageError> {
    let provider = providers.choose(non_empty(flags.provider.as_deref()))?.name().to_owned();
    let taint = if flags.disable_taint == Some(true) {
        None
    } else {
        Some(taint(flags.taint.as_deref(), &provider, environment, warnings)?)
    };
    Ok(NodeOptions {
        name: node_name(flags.nodename.as_deref(), environment)?,
        provider,
        orphans: policies::orphans(&flags)?,
        release: policies::release(&flags)?,
        provider_config: path(flags.provider_config),
        operating_system: operating_system(flags.os.as_deref())?,
        addresses: node_addresses(&flags.node_ip, environment)?,
        taint,
        unsupported_fields: unsupported_fields(flags.unsupported_fields.as_deref())?,
        outage_policy: policies::named(
            "--provider-outage-policy",
            flags.provider_outage_policy.as_deref(),
            &OutagePolicy::NAMES,
        )?,
        daemon_set_pods: policies::named("--daemonset-pods", flags.daemonset_pods.as_deref(), &DaemonSetPods::NAMES)?,
        deregister_on_exit: flags.deregister_on_exit == Some(true),
        state_dir: match path(flags.state_dir) {
            Some(path) => StateDir::Given(path),
            None => StateDir::Default(DEFAULT_STATE_DIR.into()),
        },
        certificate_dir: path(flags.cert_dir),
        pod_workers: flags.pod_sync_workers.map(usize::from),
    })
}

fn cluster(flags: &Flags) -> Result<ClusterOptions, UsageError> {
    let domain = non_empty(flags.cluster_domain.as_deref()).unwrap_or("cluster.local");
    Ok(ClusterOptions {
        kubeconfig: path(flags.kubeconfig.clone()),
        client_certificate: certificates::client(flags)?,
        domain: domain.trim_end_matches('.').to_owned(),
        dns: ip_addresses("--cluster-dns", &flags.cluster_dns)?,
        id: cluster_id(flags.cluster_id.as_deref())?,
        startup_timeout: flags.startup_timeout.filter(|timeout| !timeout.is_zero()),
    })
}

fn kubelet_api(flags: &Flags, environment: &Environment) -> Result<KubeletApiOptions, UsageError> {
    let file = |name| environment.non_empty(name).map(PathBuf::from);
    let allow_anonymous = flags.no_verify_clients == Some(true);
    if allow_anonymous && flags.insecure_allow_anonymous != Some(true) {
        return Err(UsageError::new(
            "--no-verify-clients",
            "anyone who reaches the kubelet API could read logs and run commands in pods: give --client-verify-ca instead, \
             or confirm with --insecure-allow-anonymous",
        ));
    }
    Ok(KubeletApiOptions {
        address: kubelet_address(flags.listen_address.as_deref(), environment)?,
        serving: certificates::serving(flags, environment)?,
        client_ca: path(flags.client_verify_ca.clone()).or_else(|| file("APISERVER_CA_CERT_LOCATION")),
        tokens: flags.authentication_token_webhook != Some(false),
        allow_anonymous,
        caching: certificates::review_caching(flags)?,
        stream_idle_timeout: flags.stream_idle_timeout,
        stream_creation_timeout: flags.stream_creation_timeout,
        feature_gates: feature_gates::feature_gates(&flags.feature_gates)?,
    })
}

fn kubelet_address(flag: Option<&str>, environment: &Environment) -> Result<ListenAddress, UsageError> {
    let port = match environment.non_empty("KUBELET_PORT") {
        None => DEFAULT_KUBELET_PORT,
        Some(text) => text.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
            UsageError::new("KUBELET_PORT", format!("{text:?} is not a port: 1 to 65535, as in \"10250\""))
        })?,
    };
    let Some(flag) = non_empty(flag) else { return Ok(ListenAddress { host: None, port }) };
    if let Ok(host) = flag.parse::<IpAddr>() {
        return Ok(ListenAddress { host: Some(host), port });
    }
    flag.parse().map_err(|message| UsageError::new("--listen-address", message))
}

fn metrics_address(flag: Option<&str>) -> Result<MetricsAddress, UsageError> {
    match flag {
        None => Ok(MetricsAddress::Default(DEFAULT_METRICS_ADDRESS)),
        Some("") => Ok(MetricsAddress::None),
        Some(text) => {
            text.parse().map(MetricsAddress::Given).map_err(|message| UsageError::new("--metrics-addr", message))
        }
    }
}

fn operating_system(flag: Option<&str>) -> Result<OperatingSystem, UsageError> {
    match non_empty(flag).unwrap_or("linux").to_ascii_lowercase().as_str() {
        "linux" => Ok(OperatingSystem::Linux),
        "windows" => Ok(OperatingSystem::Windows),
        other => Err(UsageError::new("--os", format!("{other:?} is not supported: use linux or windows"))),
    }
}

fn unsupported_fields(flag: Option<&str>) -> Result<UnsupportedFields, UsageError> {
    match non_empty(flag).unwrap_or("strict") {
        "strict" => Ok(UnsupportedFields::Strict),
        "warn" => Ok(UnsupportedFields::Warn),
        other => Err(UsageError::new("--unsupported-fields", format!("{other:?} is not a policy: use strict or warn"))),
    }
}

fn node_addresses(flags: &[String], environment: &Environment) -> Result<Vec<IpAddr>, UsageError> {
    let (setting, texts) = if flags.iter().any(|text| !text.is_empty()) {
        ("--node-ip", flags.to_vec())
    } else {
        ("VKUBELET_POD_IP", environment.non_empty("VKUBELET_POD_IP").map(str::to_owned).into_iter().collect())
    };
    let addresses = ip_addresses(setting, &texts)?;
    if addresses.iter().filter(|address| address.is_ipv4()).count() > 1
        || addresses.iter().filter(|address| address.is_ipv6()).count() > 1
    {
        return Err(UsageError::new(
            setting,
            "a node has at most one address of each family: give one IPv4, one IPv6 or both",
        ));
    }
    if let Some(unusable) = addresses.iter().find(|address| address.is_unspecified() || address.is_multicast()) {
        let message = format!("{unusable} cannot be a node's address: give the one that the API server reaches it by");
        return Err(UsageError::new(setting, message));
    }
    Ok(addresses)
}

fn ip_addresses(setting: &str, texts: &[String]) -> Result<Vec<IpAddr>, UsageError> {
    let given = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    given
        .map(|text| {
            let remedy = || UsageError::new(setting, format!("{text:?} is not an IP address, as in \"10.0.0.10\""));
            text.parse().map_err(|_| remedy())
        })
        .collect()
}

/// The id becomes part of labels in back ends, so it has the form of a label value.
fn cluster_id(flag: Option<&str>) -> Result<Option<String>, UsageError> {
    let Some(id) = non_empty(flag) else { return Ok(None) };
    let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if id.len() <= 63 && letters {
        return Ok(Some(id.to_owned()));
    }
    let message = format!("{id:?} cannot mark back-end objects: at most 63 letters, digits, '-', '_' and '.'");
    Err(UsageError::new("--cluster-id", message))
}

fn path(text: Option<String>) -> Option<PathBuf> {
    text.filter(|text| !text.is_empty()).map(PathBuf::from)
}

fn non_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

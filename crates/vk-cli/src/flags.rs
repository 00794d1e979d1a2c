//! The flags as they are written on the command line: those of the Go project (v1.13, node-cli included) and few of our
//! own. What they mean together is decided in [`crate::options`].

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "dev")]
use crate::dev::DevFlags;
use crate::environment;
use crate::go_values::{boolean, duration};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "virtual-kubelet",
    about = "A node agent that looks like a kubelet to Kubernetes and runs pods anywhere else",
    // As with Go's flags, the last of several wins.
    args_override_self = true,
    disable_version_flag = true,
    after_help = environment::help(),
    max_term_width = 120,
)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(flatten)]
    pub(crate) ignored: IgnoredFlags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of running the agent.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a cluster of virtual nodes on this machine, for development and tests: API server, nodes, kubeconfig
    #[cfg(feature = "dev")]
    Dev(DevFlags),
    /// Show the version of the program
    Version,
    /// List the providers that are built in, or look for one by name
    Providers {
        /// Exit with 1 unless a provider of this name is there
        name: Option<String>,
        /// Print the table of supported pod fields of each provider, as Markdown
        #[arg(long)]
        markdown: bool,
    },
}

impl Command {
    /// Whether it tells what happens in lines of its own, so that the log need not.
    pub(crate) fn tells_by_itself(&self) -> bool {
        match self {
            #[cfg(feature = "dev")]
            Self::Dev(_) => true,
            Self::Version | Self::Providers { .. } => false,
        }
    }
}

/// Flags that mean something here. What was not given is `None`; defaults are [`crate::options`]'s.
#[derive(Debug, Default, Args)]
pub(crate) struct Flags {
    /// Name of the node (default: virtual-kubelet)
    #[arg(long, value_name = "NAME", help_heading = "Node")]
    pub(crate) nodename: Option<String>,
    /// Provider that runs the pods; see `virtual-kubelet providers`
    #[arg(long, value_name = "NAME", help_heading = "Node")]
    pub(crate) provider: Option<String>,
    /// Configuration file of the provider
    #[arg(long, value_name = "FILE", help_heading = "Node")]
    pub(crate) provider_config: Option<String>,
    /// Operating system of the node: linux or windows (default: linux)
    #[arg(long, value_name = "OS", help_heading = "Node")]
    pub(crate) os: Option<String>,
    /// Internal IP of the node; two, one of each family, for dual stack (default: the one that leads to the API server)
    #[arg(long, value_name = "IP,…", value_delimiter = ',', help_heading = "Node")]
    pub(crate) node_ip: Vec<String>,
    /// Key of the node's taint (default: virtual-kubelet.io/provider)
    #[arg(long, value_name = "KEY", help_heading = "Node")]
    pub(crate) taint: Option<String>,
    /// Register the node without a taint
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Node")]
    pub(crate) disable_taint: Option<bool>,
    /// What becomes of a pod that asks for what the provider does not honour: strict keeps it Pending, warn runs it and
    /// records an Event (default: strict)
    #[arg(long, value_name = "POLICY", help_heading = "Node")]
    pub(crate) unsupported_fields: Option<String>,
    /// What becomes of the Node while the provider's back end does not answer: zero-allocatable sends it no new pods,
    /// not-ready gives up its pods, ignore only sets a condition (default: zero-allocatable)
    #[arg(long, value_name = "POLICY", help_heading = "Node")]
    pub(crate) provider_outage_policy: Option<String>,
    /// What becomes of the pods of DaemonSets: run starts them, ignore leaves them Pending, reject fails them (default: run)
    #[arg(long, value_name = "POLICY", help_heading = "Node")]
    pub(crate) daemonset_pods: Option<String>,
    /// What becomes of pods that the back end holds and the API does not: delete stops and releases them, adopt lets them
    /// run to their end, report only tells (default: delete)
    #[arg(long, value_name = "POLICY", help_heading = "Node")]
    pub(crate) orphan_policy: Option<String>,
    /// How long a pod must have been an orphan before anything is done about it (default: 30s)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Node")]
    pub(crate) orphan_age: Option<Duration>,
    /// Collect up to N orphans at once, or P % of all pods in the back end if that is more; leave them to a person beyond
    /// that (default: 10 or 50%)
    #[arg(long, value_name = "N,P%", value_delimiter = ',', help_heading = "Node")]
    pub(crate) orphan_limit: Vec<String>,
    /// Delete the Node at the end: for an agent that is not to come back
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Node")]
    pub(crate) deregister_on_exit: Option<bool>,
    /// Release what the back end keeps of an ended pod this long after its end; its logs go with that (default: when the
    /// pod is deleted)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Node")]
    pub(crate) release_after: Option<Duration>,
    /// Provider calls that start, stop, and remove pods, and that find them again, under way at once (default: 32 each)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Node")]
    pub(crate) pod_sync_workers: Option<u16>,
    /// Where the agent and its provider keep what must survive a restart (default: /var/lib/virtual-kubelet)
    #[arg(long, value_name = "DIR", help_heading = "Node")]
    pub(crate) state_dir: Option<String>,

    /// Kubeconfig file (default: KUBECONFIG, ~/.kube/config, or the pod's own service account)
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<String>,
    /// Kubeconfig with which a first client certificate is asked for (TLS bootstrap); --kubeconfig is written then
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) bootstrap_kubeconfig: Option<String>,
    /// Renew the client certificate that came by --bootstrap-kubeconfig before it ends
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Cluster")]
    pub(crate) rotate_certificates: Option<bool>,
    /// Where certificates are kept that the agent asks for (default: pki in the node's state directory)
    #[arg(long, value_name = "DIR", help_heading = "Cluster")]
    pub(crate) cert_dir: Option<String>,
    /// DNS domain of the cluster (default: cluster.local)
    #[arg(long, value_name = "DOMAIN", help_heading = "Cluster")]
    pub(crate) cluster_domain: Option<String>,
    /// Addresses of the cluster's DNS service, for pods with dnsPolicy ClusterFirst
    #[arg(long, value_name = "IP,…", value_delimiter = ',', help_heading = "Cluster")]
    pub(crate) cluster_dns: Vec<String>,
    /// What marks back-end objects as this cluster's (default: the UID of the Service default/kubernetes)
    #[arg(long, value_name = "ID", help_heading = "Cluster")]
    pub(crate) cluster_id: Option<String>,
    /// Give up if the node is not ready after this long; 0 waits for ever (default: 0)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Cluster")]
    pub(crate) startup_timeout: Option<Duration>,

    /// IP, or IP:PORT, that the kubelet API listens on (default: all addresses, port from KUBELET_PORT)
    #[arg(long, value_name = "ADDRESS", help_heading = "Kubelet API")]
    pub(crate) listen_address: Option<String>,
    /// Serving certificate of the kubelet API, PEM (default: APISERVER_CERT_LOCATION)
    #[arg(long, value_name = "FILE", help_heading = "Kubelet API")]
    pub(crate) tls_cert_file: Option<String>,
    /// Key of the serving certificate, PEM (default: APISERVER_KEY_LOCATION)
    #[arg(long, value_name = "FILE", help_heading = "Kubelet API")]
    pub(crate) tls_private_key_file: Option<String>,
    /// Ask the cluster for the serving certificate (CertificateSigningRequest, which somebody has to approve) and renew it
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Kubelet API")]
    pub(crate) rotate_server_certificates: Option<bool>,
    /// Sign the serving certificate ourselves: nobody can tell the node from somebody in between
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Kubelet API")]
    pub(crate) self_signed_serving_certificate: Option<bool>,
    /// Let clients in with a bearer token, which the API server is asked about (TokenReview) (default: true)
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Kubelet API")]
    pub(crate) authentication_token_webhook: Option<bool>,
    /// Remember whose a token is for this long; 0 asks each time (default: 2m)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Kubelet API")]
    pub(crate) authentication_token_webhook_cache_ttl: Option<Duration>,
    /// Remember that somebody may for this long; 0 asks each time (default: 5m)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Kubelet API")]
    pub(crate) authorization_webhook_cache_authorized_ttl: Option<Duration>,
    /// Remember that somebody may not for this long; 0 asks each time (default: 30s)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Kubelet API")]
    pub(crate) authorization_webhook_cache_unauthorized_ttl: Option<Duration>,
    /// CA certificates that clients of the kubelet API are verified with
    #[arg(long, alias = "client-ca-file", value_name = "FILE", help_heading = "Kubelet API")]
    pub(crate) client_verify_ca: Option<String>,
    /// Let clients of the kubelet API in without a certificate; only beside --insecure-allow-anonymous
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Kubelet API")]
    pub(crate) no_verify_clients: Option<bool>,
    /// Confirm that anyone who reaches the kubelet API may read logs and run commands
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "Kubelet API")]
    pub(crate) insecure_allow_anonymous: Option<bool>,
    /// End sessions of exec, attach and port-forward in which nothing moves for this long (default: 4h)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Kubelet API")]
    pub(crate) stream_idle_timeout: Option<Duration>,
    /// Give clients of exec, attach and port-forward this long to open their streams (default: 30s)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Kubelet API")]
    pub(crate) stream_creation_timeout: Option<Duration>,
    /// Features to be switched off; with ExtendWebSocketsToKubelet=false the API server speaks SPDY to the node, also where it
    /// could pass WebSockets on
    #[arg(long, value_name = "NAME=BOOL,…", value_delimiter = ',', help_heading = "Kubelet API")]
    pub(crate) feature_gates: Vec<String>,
    /// At the end, give streams and last status writes this long (default: 20s)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Kubelet API")]
    pub(crate) drain_timeout: Option<Duration>,

    /// Address of /metrics, /healthz and /readyz; empty for none (default: :10255)
    #[arg(long, value_name = "ADDRESS", help_heading = "Observability")]
    pub(crate) metrics_addr: Option<String>,
    /// Least severe messages to log: error, warn, info, debug or trace (default: info)
    #[arg(long, value_name = "LEVEL", global = true, help_heading = "Observability")]
    pub(crate) log_level: Option<String>,
    /// Form of log messages: text or json (default: text)
    #[arg(long, value_name = "FORMAT", global = true, help_heading = "Observability")]
    pub(crate) log_format: Option<String>,
}

const IGNORED: &str = "Accepted for existing manifests, without effect";

/// Flags of the Go project that have nothing to steer here.
#[derive(Debug, Default, Args)]
pub(crate) struct IgnoredFlags {
    /// Pods are compared with the provider all the time
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = IGNORED)]
    pub(crate) full_resync_period: Option<Duration>,
    /// The API server's priority and fairness limits requests
    #[arg(long, value_name = "N", help_heading = IGNORED)]
    pub(crate) kube_api_qps: Option<i32>,
    /// The API server's priority and fairness limits requests
    #[arg(long, value_name = "N", help_heading = IGNORED)]
    pub(crate) kube_api_burst: Option<i32>,
    /// Traces are not exported yet
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = IGNORED)]
    pub(crate) trace_exporter: Vec<String>,
    /// Traces are not exported yet
    #[arg(long, value_name = "NAME", help_heading = IGNORED)]
    pub(crate) trace_service_name: Option<String>,
    /// Traces are not exported yet
    #[arg(long, value_name = "KEY=VALUE", help_heading = IGNORED)]
    pub(crate) trace_tag: Vec<String>,
    /// Traces are not exported yet
    #[arg(long, value_name = "RATE", help_heading = IGNORED)]
    pub(crate) trace_sample_rate: Option<String>,

    // Deprecated in the Go project as well, or node-cli's alone.
    #[arg(long, hide = true)]
    pub(crate) namespace: Option<String>,
    #[arg(long, hide = true, value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub(crate) enable_node_lease: Option<bool>,
    #[arg(long, hide = true)]
    pub(crate) trace_zpages_addr: Option<String>,
}

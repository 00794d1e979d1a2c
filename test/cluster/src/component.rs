//! The parts of a control plane and how each is started.

use std::fmt;

use crate::layout::Layout;

/// A part of the control plane that can be stopped and started alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The store below the API server.
    Etcd,
    /// `kube-apiserver`.
    ApiServer,
    /// `kube-scheduler`.
    Scheduler,
    /// `kube-controller-manager`.
    ControllerManager,
}

impl Component {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 4] = [Self::Etcd, Self::ApiServer, Self::Scheduler, Self::ControllerManager];

    /// The program's name.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::Scheduler => "kube-scheduler",
            Self::ControllerManager => "kube-controller-manager",
        }
    }

    pub(crate) fn arguments(self, layout: &Layout) -> Vec<String> {
        match self {
            Self::Etcd => etcd(layout),
            Self::ApiServer => api_server(layout),
            Self::Scheduler => scheduler(layout),
            Self::ControllerManager => controller_manager(layout),
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.program())
    }
}

fn etcd(layout: &Layout) -> Vec<String> {
    let client = layout.etcd_url();
    let peer = layout.etcd_peer_url();
    vec![
        "--name=etcd".into(),
        format!("--data-dir={}", layout.path("etcd")),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=etcd={peer}"),
        "--client-cert-auth".into(),
        format!("--trusted-ca-file={}", layout.pki("etcd-ca.crt")),
        format!("--cert-file={}", layout.pki("etcd.crt")),
        format!("--key-file={}", layout.pki("etcd.key")),
        "--peer-client-cert-auth".into(),
        format!("--peer-trusted-ca-file={}", layout.pki("etcd-ca.crt")),
        format!("--peer-cert-file={}", layout.pki("etcd.crt")),
        format!("--peer-key-file={}", layout.pki("etcd.key")),
        // What a power cut would lose, no test will look for.
        "--unsafe-no-fsync".into(),
        "--log-level=warn".into(),
    ]
}

fn api_server(layout: &Layout) -> Vec<String> {
    let mut arguments = vec![
        format!("--bind-address={}", layout.address),
        format!("--secure-port={}", layout.ports.api_server),
        format!("--advertise-address={}", layout.advertised_address()),
        format!("--etcd-servers={}", layout.etcd_url()),
        format!("--etcd-cafile={}", layout.pki("etcd-ca.crt")),
        format!("--etcd-certfile={}", layout.pki("apiserver-etcd-client.crt")),
        format!("--etcd-keyfile={}", layout.pki("apiserver-etcd-client.key")),
        format!("--tls-cert-file={}", layout.pki("apiserver.crt")),
        format!("--tls-private-key-file={}", layout.pki("apiserver.key")),
        format!("--client-ca-file={}", layout.pki("ca.crt")),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        format!("--kubelet-certificate-authority={}", layout.pki("ca.crt")),
        format!("--kubelet-client-certificate={}", layout.pki("apiserver-kubelet-client.crt")),
        format!("--kubelet-client-key={}", layout.pki("apiserver-kubelet-client.key")),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-key-file={}", layout.pki("service-account.pub")),
        format!("--service-account-signing-key-file={}", layout.pki("service-account.key")),
        format!("--service-cluster-ip-range={}", Layout::SERVICE_RANGE),
        format!("--requestheader-client-ca-file={}", layout.pki("front-proxy-ca.crt")),
        "--requestheader-allowed-names=front-proxy-client".into(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
        "--requestheader-group-headers=X-Remote-Group".into(),
        "--requestheader-username-headers=X-Remote-User".into(),
        format!("--proxy-client-cert-file={}", layout.pki("front-proxy-client.crt")),
        format!("--proxy-client-key-file={}", layout.pki("front-proxy-client.key")),
        // Nothing here makes service addresses work, so an aggregated API is reached at its endpoints.
        "--enable-aggregator-routing=true".into(),
    ];
    arguments.extend(layout.api_server_flags.iter().cloned());
    arguments
}

/// Without leader election: a component that cannot renew its lease exits some ten seconds into an outage of the API server.
fn scheduler(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.kubeconfig("scheduler")),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
    ]
}

fn controller_manager(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.kubeconfig("controller-manager")),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
        "--use-service-account-credentials=true".into(),
        format!("--service-account-private-key-file={}", layout.pki("service-account.key")),
        format!("--root-ca-file={}", layout.pki("ca.crt")),
        format!("--cluster-signing-cert-file={}", layout.pki("ca.crt")),
        format!("--cluster-signing-key-file={}", layout.pki("ca.key")),
        // Autoscalers look often, and believe what new pods use without waiting for minutes.
        "--horizontal-pod-autoscaler-sync-period=3s".into(),
        "--horizontal-pod-autoscaler-cpu-initialization-period=1s".into(),
        "--horizontal-pod-autoscaler-initial-readiness-delay=1s".into(),
    ]
}

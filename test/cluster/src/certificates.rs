//! The certificates of one cluster, as kubeadm lays them out
//! ([PKI certificates and requirements](https://kubernetes.io/docs/setup/best-practices/certificates/)).

use std::fs;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::Result;

use crate::authority::{Authority, Issued, Subject, write_signing_key};
use crate::kubeconfig::{Credential, write_kubeconfig};
use crate::layout::Layout;

/// The user under which the API server calls kubelets. [`ControlPlane`](crate::ControlPlane) binds it to the role
/// `system:kubelet-api-admin`.
pub(crate) const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client";

/// What a node's kubelet API needs to listen: PEM files.
#[derive(Debug, Clone)]
pub struct ServingCertificate {
    /// The certificate, signed by the authority that the API server trusts for kubelets.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority that signs client certificates, the API server's among them.
    pub client_ca: PathBuf,
}

/// Issues everything that the control plane itself needs, and the kubeconfigs of the administrator and its own components.
pub(crate) fn issue_all(layout: &Layout) -> Result<()> {
    let directory = layout.pki_directory();
    fs::create_dir_all(&directory)?;
    fs::create_dir_all(layout.kubeconfig_path(""))?;

    let etcd = Authority::create(&directory, "etcd-ca")?;
    let loopback = [IpAddr::from([127, 0, 0, 1])];
    etcd.peer(&user("etcd"), &["localhost"], &loopback)?.write(&directory.join("etcd"))?;
    etcd.client(&user("apiserver-etcd-client"))?.write(&directory.join("apiserver-etcd-client"))?;

    let front_proxy = Authority::create(&directory, "front-proxy-ca")?;
    front_proxy.client(&user("front-proxy-client"))?.write(&directory.join("front-proxy-client"))?;

    let cluster = Authority::create(&directory, "ca")?;
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let addresses = [layout.address, Layout::SERVICE_ADDRESS.into()];
    cluster.server(&user("kube-apiserver"), &names, &addresses)?.write(&directory.join("apiserver"))?;
    cluster.client(&user(KUBELET_CLIENT))?.write(&directory.join("apiserver-kubelet-client"))?;
    write_signing_key(&directory.join("service-account"))?;

    let administrator = Subject { user: "kubernetes-admin", group: Some("system:masters") };
    for (name, subject) in [
        ("admin", administrator),
        ("scheduler", user("system:kube-scheduler")),
        ("controller-manager", user("system:kube-controller-manager")),
    ] {
        write_client_kubeconfig(layout, name, &cluster.client(&subject)?)?;
    }
    Ok(())
}

/// Issues a client certificate as `system:node:<node>` and writes its kubeconfig under `name`.
pub(crate) fn issue_node_client(layout: &Layout, node: &str, name: &str) -> Result<()> {
    let authority = Authority::open(&layout.pki_directory(), "ca")?;
    let user = format!("system:node:{node}");
    let issued = authority.client(&Subject { user: &user, group: Some("system:nodes") })?;
    write_client_kubeconfig(layout, name, &issued)
}

/// Issues a serving certificate for a node's kubelet API.
pub(crate) fn issue_node_server(layout: &Layout, node: &str, addresses: &[IpAddr]) -> Result<ServingCertificate> {
    let authority = Authority::open(&layout.pki_directory(), "ca")?;
    let user = format!("system:node:{node}");
    let issued = authority.server(&Subject { user: &user, group: Some("system:nodes") }, &[node], addresses)?;
    let (certificate, key) = issued.write(&layout.pki_directory().join(format!("node-{node}-serving")))?;
    Ok(ServingCertificate { certificate, key, client_ca: authority.certificate_path().to_owned() })
}

/// What a certificate of the cluster's authority says.
#[derive(Debug, Clone)]
pub struct CertificateContent<'a> {
    /// The user.
    pub user: &'a str,
    /// One group that the user is in.
    pub group: Option<&'a str>,
    /// The addresses of a server; without any, the certificate is a client's.
    pub addresses: &'a [IpAddr],
    /// Between which moments it is valid, in seconds since 1970; `None` means always.
    pub valid: Option<Range<u64>>,
}

/// Issues a certificate with any content; key and chain, PEM.
pub(crate) fn issue(layout: &Layout, content: &CertificateContent<'_>) -> Result<String> {
    let authority = Authority::open(&layout.pki_directory(), "ca")?;
    let subject = Subject { user: content.user, group: content.group };
    let issued = authority.valid_between(&subject, content.addresses, content.valid.clone())?;
    Ok(issued.key + &issued.certificate)
}

fn user(name: &str) -> Subject<'_> {
    Subject { user: name, group: None }
}

fn write_client_kubeconfig(layout: &Layout, name: &str, issued: &Issued) -> Result<()> {
    let credential = Credential::Certificate { certificate: &issued.certificate, key: &issued.key };
    write_kubeconfig(layout, name, &credential)
}

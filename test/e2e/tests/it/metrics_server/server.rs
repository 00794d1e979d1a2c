//! The Metrics Server of the cluster that tests share: one process beside the control plane, found through the aggregation
//! layer.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_cluster::{Cluster, MetricsServer};

use crate::stage::{AgentProcess, Environment, eventually, free_address};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "metrics-server";

/// Starts it, unless it runs; it ends with the cluster.
pub(crate) fn run(environment: &Environment) {
    static RUNNING: OnceLock<AgentProcess> = OnceLock::new();
    RUNNING.get_or_init(|| start(&environment.cluster));
}

fn start(cluster: &Cluster) -> AgentProcess {
    let address = free_address(cluster);
    let serving = cluster.serving_certificate(&format!("{NAME}.{NAMESPACE}.svc"), &[cluster.address()]).unwrap();
    let (certificate, key) = cluster.kubelet_client();
    let admin = cluster.admin_kubeconfig();
    let mut command = Command::new(MetricsServer::build().unwrap().program());
    command.env_clear().args([
        format!("--kubeconfig={}", admin.display()),
        format!("--authentication-kubeconfig={}", admin.display()),
        format!("--authorization-kubeconfig={}", admin.display()),
        format!("--bind-address={}", address.ip()),
        format!("--secure-port={}", address.port()),
        format!("--tls-cert-file={}", serving.certificate.display()),
        format!("--tls-private-key-file={}", serving.key.display()),
        // Nodes are asked under the identity of the API server, and show who they are.
        format!("--kubelet-certificate-authority={}", cluster.authority().display()),
        format!("--kubelet-client-certificate={}", certificate.display()),
        format!("--kubelet-client-key={}", key.display()),
        "--kubelet-use-node-status-port".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        // As often as it can.
        "--metric-resolution=10s".to_owned(),
        "--kubelet-request-timeout=8s".to_owned(),
        "--v=2".to_owned(),
    ]);
    let log = cluster.directory().join("log/metrics-server.log");
    let process = AgentProcess::start(&mut command, cluster, &log);
    eventually("the Metrics Server listens", || match std::net::TcpStream::connect(address) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error}: {}", process.log())),
    });
    register(cluster, address);
    process
}

/// An APIService, and a Service whose endpoint is told by hand: no pod is behind it.
fn register(cluster: &Cluster, address: SocketAddr) {
    let authority = STANDARD.encode(fs::read(cluster.authority()).unwrap());
    let metadata = json!({ "name": NAME, "namespace": NAMESPACE });
    let port = json!({ "name": "https", "port": 443, "protocol": "TCP" });
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": { "ports": [port] } });
    let endpoints = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": NAME, "namespace": NAMESPACE, "labels": { "kubernetes.io/service-name": NAME } },
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{ "addresses": [address.ip()], "conditions": { "ready": true } }],
        "ports": [{ "name": "https", "port": address.port(), "protocol": "TCP" }],
    });
    let api = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": { "name": "v1beta1.metrics.k8s.io" },
        "spec": {
            "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": { "name": NAME, "namespace": NAMESPACE, "port": 443 },
            "caBundle": authority,
        },
    });
    for object in [service, endpoints, api] {
        apply(cluster, &object);
    }
    let wait = ["wait", "apiservice/v1beta1.metrics.k8s.io", "--for=condition=Available", "--timeout=120s"];
    cluster.run_kubectl(&wait).unwrap();
}

fn apply(cluster: &Cluster, object: &Value) {
    let mut command = cluster.kubectl();
    let mut kubectl = command.args(["apply", "--filename=-"]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut kubectl.stdin.take().unwrap(), object.to_string().as_bytes()).unwrap();
    assert!(kubectl.wait().unwrap().success(), "{object:#}");
}

//! What the control plane must be able to do for the tests that stand on it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};
use test_cluster::{Cluster, Component, ControlPlane, ControlPlaneOptions};

use crate::traces::{assert_nothing_left, eventually, processes_of};

#[test]
fn a_control_plane_serves_breaks_recovers_and_ends() {
    let mut control_plane = ControlPlane::start(ControlPlaneOptions::default()).unwrap();
    let directory = control_plane.directory().to_owned();
    assert!(processes_of(&directory).len() >= 5, "four components and the guard");

    a_node_writes_what_is_its_own_and_nothing_else(&control_plane);
    a_deployment_reaches_the_node(&control_plane, "vk-1");
    a_node_gets_its_serving_certificate_signed(&control_plane);
    a_service_account_has_the_given_role(&control_plane);
    names_that_are_no_node_names_are_refused(&control_plane);

    an_api_server_that_was_stopped_comes_back(&mut control_plane);
    a_store_that_crashed_comes_back(&mut control_plane);
    a_paused_api_server_does_not_answer(&control_plane);
    // The scheduler and the controller-manager lived through all of it.
    register_node(&control_plane, "vk-2");
    a_deployment_reaches_the_node(&control_plane, "vk-2");

    drop(control_plane);
    assert_nothing_left(&directory);
}

fn as_user(cluster: &Cluster, kubeconfig: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = cluster.kubectl().args(arguments).env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn create(mut kubectl: Command, manifest: &Value) {
    let mut kubectl = kubectl.args(["create", "-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    kubectl.stdin.take().unwrap().write_all(manifest.to_string().as_bytes()).unwrap();
    assert!(kubectl.wait().unwrap().success());
}

fn a_node_writes_what_is_its_own_and_nothing_else(cluster: &Cluster) {
    let node = cluster.node_kubeconfig("vk-1").unwrap();
    assert_eq!(node, cluster.node_kubeconfig("vk-1").unwrap());
    assert_eq!(
        as_user(cluster, &node, &["auth", "whoami", "-o=jsonpath={.status.userInfo.username}"]).unwrap(),
        "system:node:vk-1"
    );

    register_node(cluster, "vk-1");
    let refused = as_user(cluster, &node, &["taint", "node", "vk-1", "a=b:NoSchedule"]).unwrap_err();
    assert!(refused.contains("is not allowed to modify taints"), "{refused}");
    let refused = as_user(cluster, &node, &["get", "secrets", "--all-namespaces"]).unwrap_err();
    assert!(refused.contains("Forbidden"), "{refused}");
}

/// Creates a node that says it is ready, as itself.
fn register_node(cluster: &Cluster, name: &str) {
    let long_ago = "2020-01-01T00:00:00Z";
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "Test", "message": "",
        "lastHeartbeatTime": long_ago, "lastTransitionTime": long_ago,
    });
    let resources = json!({ "pods": "10", "cpu": "4", "memory": "4Gi" });
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": name, "labels": { "for": name } },
        "status": { "conditions": [ready], "capacity": resources, "allocatable": resources },
    });
    let mut kubectl = cluster.kubectl();
    kubectl.env("KUBECONFIG", cluster.node_kubeconfig(name).unwrap());
    create(kubectl, &node);
}

/// Pods come from the controller-manager, their node from the scheduler.
fn a_deployment_reaches_the_node(cluster: &Cluster, node: &str) {
    let labels = json!({ "app": node });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": node },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "nodeSelector": { "for": node }, "containers": [{ "name": "main", "image": "none:test" }] },
            },
        },
    });
    create(cluster.kubectl(), &deployment);
    let selector = format!("app={node}");
    let on_node = format!("--field-selector=spec.nodeName={node}");
    eventually("two pods on the node", || {
        let pods = cluster.run_kubectl(&["get", "pods", "-o=name", "-l", &selector, &on_node]);
        pods.is_ok_and(|pods| pods.lines().count() == 2)
    });
}

fn a_node_gets_its_serving_certificate_signed(cluster: &Cluster) {
    let mut params = CertificateParams::new(["vk-1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "system:node:vk-1");
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    let manifest = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": { "name": "vk-1-serving" },
        "spec": {
            "request": BASE64_STANDARD.encode(request),
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
        },
    });
    let mut kubectl = cluster.kubectl();
    kubectl.env("KUBECONFIG", cluster.node_kubeconfig("vk-1").unwrap());
    create(kubectl, &manifest);
    cluster.run_kubectl(&["certificate", "approve", "vk-1-serving"]).unwrap();
    eventually("the signed certificate", || {
        let query = ["get", "csr", "vk-1-serving", "-o=jsonpath={.status.certificate}"];
        !cluster.run_kubectl(&query).unwrap().is_empty()
    });
}

fn a_service_account_has_the_given_role(cluster: &Cluster) {
    let directory = tempfile::tempdir().unwrap();
    let manifest = directory.path().join("role.yaml");
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\nrules:\n\
                - {apiGroups: [''], resources: [nodes], verbs: [list]}\n";
    fs::write(&manifest, role).unwrap();
    let kubeconfig = cluster.service_account_kubeconfig("default", "agent", &manifest).unwrap();
    // A second call finds everything there.
    assert_eq!(kubeconfig, cluster.service_account_kubeconfig("default", "agent", &manifest).unwrap());
    assert_eq!(as_user(cluster, &kubeconfig, &["get", "nodes", "-o=name"]).unwrap(), "node/vk-1");
    let refused = as_user(cluster, &kubeconfig, &["get", "pods"]).unwrap_err();
    assert!(refused.contains("system:serviceaccount:default:agent"), "{refused}");

    fs::write(&manifest, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: none}\n").unwrap();
    let error = cluster.service_account_kubeconfig("default", "agent", &manifest).unwrap_err().to_string();
    assert!(error.contains("holds no ClusterRole"), "{error}");
}

fn names_that_are_no_node_names_are_refused(cluster: &Cluster) {
    for name in ["", "../admin", "Upper"] {
        assert!(cluster.node_kubeconfig(name).is_err() && cluster.serving_certificate(name, &[]).is_err(), "{name:?}");
    }
    let serving = cluster.serving_certificate("vk-1", &[[127, 0, 0, 1].into()]).unwrap();
    assert!(fs::read_to_string(&serving.certificate).unwrap().starts_with("-----BEGIN CERTIFICATE"));
    assert!(serving.key.exists() && serving.client_ca.exists());
}

fn an_api_server_that_was_stopped_comes_back(control_plane: &mut ControlPlane) {
    control_plane.stop_component(Component::ApiServer).unwrap();
    assert!(!control_plane.is_ready());
    assert!(control_plane.stop_component(Component::ApiServer).is_err(), "it does not run");
    control_plane.start_component(Component::ApiServer).unwrap();
    assert!(control_plane.start_component(Component::ApiServer).is_err(), "it runs already");
    assert_eq!(control_plane.run_kubectl(&["get", "nodes", "-o=name"]).unwrap().trim(), "node/vk-1");
}

fn a_store_that_crashed_comes_back(control_plane: &mut ControlPlane) {
    control_plane.kill_component(Component::Etcd).unwrap();
    // The API server keeps an answer about its store for a moment.
    eventually("an API server that misses its store", || !control_plane.is_ready());
    control_plane.start_component(Component::Etcd).unwrap();
    eventually("a ready API server", || control_plane.is_ready());
    assert_eq!(control_plane.run_kubectl(&["get", "nodes", "-o=name"]).unwrap().trim(), "node/vk-1");
}

fn a_paused_api_server_does_not_answer(control_plane: &ControlPlane) {
    control_plane.pause_component(Component::ApiServer).unwrap();
    assert!(!control_plane.is_ready());
    control_plane.resume_component(Component::ApiServer).unwrap();
    eventually("a ready API server", || control_plane.is_ready());
}

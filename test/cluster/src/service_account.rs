//! ServiceAccounts with given roles, made through kubectl.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::kubeconfig::{Credential, write_kubeconfig};

pub(crate) fn kubeconfig(cluster: &Cluster, namespace: &str, name: &str, manifest: &Path) -> Result<PathBuf> {
    let manifest = manifest.to_str().context("the manifest's path is not UTF-8")?;
    let applied = cluster.run_kubectl(&["apply", "--filename", manifest, "--output=name"])?;
    let roles: Vec<&str> =
        applied.lines().filter_map(|line| line.strip_prefix("clusterrole.rbac.authorization.k8s.io/")).collect();
    if roles.is_empty() {
        bail!("{manifest} holds no ClusterRole");
    }
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "namespace": namespace, "name": name },
    });
    let subject = json!({ "kind": "ServiceAccount", "namespace": namespace, "name": name });
    let bindings = roles.iter().map(|role| binding(&format!("{namespace}:{name}:{role}"), role, subject.clone()));
    let items: Vec<Value> = [account].into_iter().chain(bindings).collect();
    apply(cluster, &json!({ "apiVersion": "v1", "kind": "List", "items": items }))?;

    let token = cluster.run_kubectl(&["create", "token", name, "--namespace", namespace, "--duration=24h"])?;
    let file = format!("serviceaccount-{namespace}-{name}");
    write_kubeconfig(cluster.layout(), &file, &Credential::Token(token.trim()))?;
    Ok(cluster.layout().kubeconfig_path(&file))
}

/// A ClusterRoleBinding.
pub(crate) fn binding(name: &str, role: &str, subject: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [subject],
    })
}

/// Creates or updates what the manifest describes.
pub(crate) fn apply(cluster: &Cluster, manifest: &Value) -> Result<()> {
    let mut command = cluster.kubectl();
    command.args(["apply", "--filename=-"]);
    let mut kubectl = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // Taken and dropped, so that kubectl sees the end.
    kubectl.stdin.take().context("kubectl was started without a pipe")?.write_all(manifest.to_string().as_bytes())?;
    let output = kubectl.wait_with_output()?;
    if !output.status.success() {
        bail!("kubectl apply: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

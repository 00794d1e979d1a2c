//! The control plane that is measured on, and access to it as its administrator.

use anyhow::{Context, Result};
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use test_cluster::{Cluster, Component, ControlPlane, ControlPlaneOptions};

/// Says, for the report, what runs.
pub(crate) const DESCRIPTION: &str = "etcd (without fsync) and kube-apiserver (TLS, Node and RBAC authorization, NodeRestriction, default admission); \
     no scheduler, no controller-manager; everything on this one machine";

/// Starts etcd and an API server. What else a control plane has would only take processor time: pods are bound when they
/// are made, and the namespace `default` has its ServiceAccount before the controllers end.
pub(crate) fn start() -> Result<ControlPlane> {
    let mut control_plane = ControlPlane::start(ControlPlaneOptions::default())?;
    control_plane.stop_component(Component::Scheduler)?;
    control_plane.stop_component(Component::ControllerManager)?;
    Ok(control_plane)
}

/// A client as the administrator.
pub(crate) async fn connect(cluster: &Cluster) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(cluster.admin_kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // A retry that nobody sees would be measured as the agent's time.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// What the API server says of itself.
pub(crate) async fn metrics(client: &Client) -> Result<String> {
    let request = Request::get("/metrics").body(Vec::new())?;
    client.request_text(request).await.context("the API server does not show its metrics")
}

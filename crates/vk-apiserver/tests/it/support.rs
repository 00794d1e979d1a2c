//! A server and clients for tests.

use std::future::Future;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};
use vk_apiserver::{ApiServer, Identity, Link, Options, VirtualClock};

/// Runs a test on paused time without an IO driver: a socket would panic.
pub(crate) fn run<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { test().await })
}

pub(crate) fn server() -> ApiServer {
    server_with(Options::default())
}

pub(crate) fn server_with(options: Options) -> ApiServer {
    ApiServer::new(options, VirtualClock::starting_at("2026-11-22T14:00:00Z".parse().unwrap()))
}

pub(crate) fn admin(server: &ApiServer) -> Client {
    Client::new(server.service(Identity::admin()), "default")
}

pub(crate) fn node(server: &ApiServer, name: &str) -> Client {
    Client::new(server.service(Identity::node(name)), "default")
}

pub(crate) fn over(server: &ApiServer, link: &Link) -> Client {
    Client::new(server.service_over(Identity::admin(), link), "default")
}

pub(crate) fn pods(client: &Client) -> Api<Pod> {
    Api::default_namespaced(client.clone())
}

pub(crate) fn pod(name: &str, node: &str) -> Pod {
    pod_from(name, json!({"nodeName": node, "containers": [{"name": "c", "image": "i:1"}]}))
}

pub(crate) fn pod_from(name: &str, spec: Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
}

pub(crate) async fn create_pod(client: &Client, name: &str, node: &str) -> Pod {
    pods(client).create(&PostParams::default(), &pod(name, node)).await.unwrap()
}

/// A strategic merge patch of `/status`, as a kubelet sends it.
pub(crate) async fn patch_status(client: &Client, name: &str, patch: Value) -> Result<Pod, Error> {
    pods(client).patch_status(name, &PatchParams::default(), &Patch::Strategic(patch)).await
}

pub(crate) fn grace(seconds: u32) -> DeleteParams {
    DeleteParams { grace_period_seconds: Some(seconds), ..DeleteParams::default() }
}

/// The HTTP code and the reason of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, String) {
    match result {
        Err(Error::Api(status)) => (status.code, status.reason),
        other => panic!("no refusal: {other:?}"),
    }
}

/// The refusal's sentence.
pub(crate) fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Api(status)) => status.message,
        other => panic!("no refusal: {other:?}"),
    }
}

pub(crate) fn pair(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

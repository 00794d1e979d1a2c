//! Making and deleting the pods.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use http::{Method, Request, header};
use kube::Client;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Where the pods live.
const PODS: &str = "/api/v1/namespaces/default/pods";
/// What a pod gets unless it says otherwise. A provider that stops at once must not be made to wait for it.
const GRACE_SECONDS: u32 = 30;
/// Pods that one request deletes. The server does one after the other, and cuts a request that takes a minute.
const BATCH: usize = 1000;

/// Makes so many pods on the node, a few at a time, and answers with when each was asked for.
pub(crate) async fn create(
    client: &Client,
    node: &str,
    count: usize,
    at_once: usize,
) -> Result<BTreeMap<String, Instant>> {
    let create = |number| async move {
        let name = format!("pod-{number:05}");
        let asked_at = Instant::now();
        let manifest = manifest(&name, node, number / BATCH);
        let _created: IgnoredAny = send(client, Method::POST, PODS, Some(&manifest)).await?;
        anyhow::Ok((name, asked_at))
    };
    stream::iter(0..count).map(create).buffer_unordered(at_once).try_collect().await.context("cannot create a pod")
}

/// Asks for the deletion of that many pods, a batch with each request.
pub(crate) async fn delete(client: &Client, count: usize) -> Result<()> {
    let options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": GRACE_SECONDS });
    for batch in 0..count.div_ceil(BATCH) {
        let path = format!("{PODS}?labelSelector=batch%3D{batch}");
        let _deleted: IgnoredAny =
            send(client, Method::DELETE, &path, Some(&options)).await.context("cannot delete the pods")?;
    }
    Ok(())
}

/// How many pods there are in each phase, by a quorum read.
pub(crate) async fn phases(client: &Client) -> Result<BTreeMap<String, usize>> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<Pod>,
    }
    #[derive(Deserialize)]
    struct Pod {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        phase: String,
    }
    let list: List = send(client, Method::GET, PODS, None).await.context("cannot list the pods")?;
    let mut phases = BTreeMap::new();
    for pod in list.items {
        *phases.entry(pod.status.phase).or_default() += 1;
    }
    Ok(phases)
}

fn manifest(name: &str, node: &str, batch: usize) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": { "app": "bench", "batch": batch.to_string() } },
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "containers": [{ "name": "app", "image": "example.com/app:1" }],
        },
    })
}

async fn send<T: DeserializeOwned>(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Result<T> {
    let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    Ok(client.request(request.body(body)?).await?)
}

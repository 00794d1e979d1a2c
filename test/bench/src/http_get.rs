//! One plain HTTP request.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers with the status and the text that a server on this machine has for a path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<(StatusCode, String)> {
    let uri = format!("http://{address}{path}").parse()?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let exchange = async {
        let (head, body) = client.get(uri).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        anyhow::Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
    };
    tokio::time::timeout(PATIENCE, exchange).await.with_context(|| format!("no answer from {address}{path}"))?
}

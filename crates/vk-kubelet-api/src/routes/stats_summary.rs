//! `/stats/summary`.

use http::{Response, StatusCode};
use vk_provider::StatsRequest;

use crate::response::{Body, Refusal, json};
use crate::server::NodeServices;
use crate::stats::{Detail, StatsReader, document};

/// The figures of the node and its pods; with `only_cpu_and_memory=true` those two alone.
pub(super) async fn serve(node: &NodeServices, stats: &StatsReader, query: &str) -> Result<Response<Body>, Refusal> {
    let detail = detail(query)?;
    let request = match detail {
        Detail::Everything => StatsRequest::everything(),
        Detail::OnlyCpuAndMemory => StatsRequest::cpu_and_memory(),
    };
    let snapshot = stats.read(request).await?;
    let document = document(&node.name, &snapshot, detail).map_err(|error| {
        tracing::error!(%error, "the summary cannot be written");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the summary cannot be written")
    })?;
    Ok(json(document))
}

/// A boolean as Go reads one.
fn detail(query: &str) -> Result<Detail, Refusal> {
    let value = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "only_cpu_and_memory");
    match value.as_ref().map(|(_, value)| &**value) {
        None | Some("" | "0" | "f" | "F" | "false" | "False" | "FALSE") => Ok(Detail::Everything),
        Some("1" | "t" | "T" | "true" | "True" | "TRUE") => Ok(Detail::OnlyCpuAndMemory),
        Some(_) => Err(Refusal::bad_request("only_cpu_and_memory: must be true or false")),
    }
}

//! `/containerLogs/{namespace}/{pod}/{container}`.

use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use tokio::time::timeout;
use vk_provider::{LogReply, LogStream};

use super::lookup::find_pod;
use super::route::ContainerPath;
use crate::limits::Limits;
use crate::logs::{Cut, LogFollower, LogOptions, LogOutput, snapshot, why_unavailable};
use crate::response::{Body, Refusal, text_stream};
use crate::server::NodeServices;

/// Opens the log and begins to write it.
pub(super) async fn serve(
    node: &NodeServices,
    limits: &Limits,
    path: &ContainerPath,
    query: &str,
) -> Result<Response<Body>, Refusal> {
    path.check().map_err(|invalid| Refusal::bad_request(invalid.to_string()))?;
    let options = LogOptions::parse(query)?;
    let pod = find_pod(node, limits, &path.pod, None).await?;
    let name = &path.pod.pod;
    let container = pod
        .container(&path.container)
        .ok_or_else(|| Refusal::not_found(format!("container \"{}\" not found in pod \"{name}\"", path.container)))?;
    if let Some(reason) = why_unavailable(container, name, options.previous) {
        return Err(Refusal::bad_request(reason));
    }
    let logs = node.interfaces.logs.clone().ok_or_else(|| {
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "the provider of this virtual node has no container logs")
    })?;

    let request = options.request(pod.target.clone(), &container.name, node.clock.now());
    let reply = timeout(limits.backend_timeout, logs.open(request.clone())).await;
    let content = match reply.map_err(|_| Refusal::late("the back end"))?? {
        LogReply::Stream(stream) => stream,
        LogReply::Snapshot(_) if request.stream != LogStream::All => {
            return Err(Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "the back end cannot tell stdout from stderr: leave out `stream`",
            ));
        }
        LogReply::Snapshot(bytes) if request.follow && !request.previous => {
            LogFollower::new(logs, node.pods.clone(), request, container, limits, bytes).into_stream()
        }
        LogReply::Snapshot(bytes) => snapshot::stream(bytes, Cut::of(&request)),
    };
    let output = LogOutput::new(content, options.limit_bytes);
    Ok(text_stream(StreamBody::new(output).boxed_unsync()))
}

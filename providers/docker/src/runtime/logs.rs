//! Container logs.

use bollard::Docker;
use bollard::query_parameters::LogsOptionsBuilder;
use futures::{StreamExt, TryStreamExt};
use vk_core::{Error, Result};
use vk_pod_engine::logs::ContainerLogRequest;
use vk_pod_engine::runtime::ContainerId;
use vk_provider::{LogReply, LogStream};

use crate::connection::{read_error, status_of};

/// Opens the log of one run. The first piece is waited for, so that a refusal is an error and not a broken stream.
pub(super) async fn open(docker: Docker, id: &ContainerId, request: &ContainerLogRequest) -> Result<LogReply> {
    let tail = request.tail_lines.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let since = request.since.map_or(0, |since| i32::try_from(since.as_second()).unwrap_or(i32::MAX));
    let options = LogsOptionsBuilder::default()
        .follow(request.follow)
        .stdout(request.stream != LogStream::Stderr)
        .stderr(request.stream != LogStream::Stdout)
        .since(since.max(0))
        .timestamps(request.timestamps)
        .tail(&tail)
        .build();
    let exists = docker.inspect_container(id.as_str(), None).await;
    if let Err(error) = exists {
        let gone = status_of(&error) == Some(404);
        let missing = || Error::unresolved(format!("container {id}"), "Docker no longer has this container's log");
        return Err(if gone { missing() } else { read_error(error) });
    }
    let lines = docker.logs(id.as_str(), Some(options));
    Ok(LogReply::Stream(lines.map_ok(bollard::container::LogOutput::into_bytes).map_err(read_error).boxed()))
}

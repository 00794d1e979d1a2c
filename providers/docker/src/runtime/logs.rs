//! Container logs.

use form_urlencoded::Serializer;
use futures::{StreamExt, TryStreamExt};
use vk_core::{Error, Result};
use vk_pod_engine::logs::ContainerLogRequest;
use vk_pod_engine::runtime::ContainerId;
use vk_provider::{LogReply, LogStream};

use crate::connection::{Connection, of_reading, read_error, status_of};
use crate::output::{Layout, Piece};

/// Opens the log of one run. Docker's answer is waited for, so that a refusal is an error and not a broken stream.
pub(super) async fn open(connection: &Connection, id: &ContainerId, request: &ContainerLogRequest) -> Result<LogReply> {
    let docker = connection.docker().await?;
    let found = docker.inspect_container(id.as_str(), None).await.map_err(|error| {
        let gone = status_of(&error) == Some(404);
        let missing = || Error::unresolved(format!("container {id}"), "Docker no longer has this container's log");
        if gone { missing() } else { read_error(error) }
    })?;
    let layout = Layout::of_terminal(found.config.and_then(|config| config.tty).unwrap_or(false));
    let path = format!("/containers/{id}/logs?{}", query(request));
    let lines = connection.read(&path, layout).await.map_err(of_reading)?;
    let broken = |error: std::io::Error| Error::unavailable(format!("the log broke off: {error}"));
    Ok(LogReply::Stream(lines.map_ok(Piece::into_bytes).map_err(broken).boxed()))
}

fn query(request: &ContainerLogRequest) -> String {
    let mut query = Serializer::new(String::new());
    for (name, flag) in [
        ("follow", request.follow),
        ("stdout", request.stream != LogStream::Stderr),
        ("stderr", request.stream != LogStream::Stdout),
        ("timestamps", request.timestamps),
    ] {
        query.append_pair(name, if flag { "1" } else { "0" });
    }
    query.append_pair("tail", &request.tail_lines.map_or_else(|| "all".to_owned(), |lines| lines.to_string()));
    if let Some(since) = request.since.filter(|since| since.as_second() >= 0) {
        // Lines of the same second may be older.
        query.append_pair("since", &format!("{}.{:09}", since.as_second(), since.subsec_nanosecond()));
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_asked_for_to_the_nanosecond() {
        let mut request = ContainerLogRequest::tail(3);
        request.since = Some("2026-01-02T03:04:05.000000678Z".parse().unwrap());
        assert_eq!(query(&request), "follow=0&stdout=1&stderr=1&timestamps=0&tail=3&since=1767323045.000000678");
        (request.follow, request.stream, request.tail_lines) = (true, LogStream::Stdout, None);
        request.since = Some("1969-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(query(&request), "follow=1&stdout=1&stderr=0&timestamps=0&tail=all");
    }
}

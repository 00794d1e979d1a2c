//! `/run/{namespace}/{pod}/{container}`: runs a command to its end and answers with what it wrote.

use bytes::Bytes;
use futures::future::try_join3;
use http::{Method, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, duplex};
use tokio::time::timeout;
use vk_provider::{ExecRequest, Exit, Streams};

use super::lookup::find_running;
use super::route::SessionPath;
use crate::limits::Limits;
use crate::response::{Body, Refusal, text};
use crate::server::NodeServices;

/// The most that is kept of either output, as a container runtime does it for a kubelet.
const MOST_OUTPUT: usize = 16 * 1024 * 1024;

/// What is under way between command and answer.
const PIPE: usize = 64 * 1024;

/// Runs `cmd`, whose words are separated by single spaces. Dropped with the client, the command is ended as for `/exec`.
pub(super) async fn serve(
    node: &NodeServices,
    limits: &Limits,
    path: &SessionPath,
    query: &str,
    method: &Method,
) -> Result<Response<Body>, Refusal> {
    if method != Method::POST {
        return Err(Refusal::method_not_allowed_but("POST"));
    }
    let command = command(query)?;
    let target = find_running(node, limits, path).await?;
    let exec = node.interfaces.exec.clone().ok_or_else(|| Refusal::missing("run commands in containers"))?;
    let request = ExecRequest::new(target, path.container.container.as_str(), command.clone());

    let ((out, stdout), (err, stderr)) = (duplex(PIPE), duplex(PIPE));
    let mut streams = Streams::default();
    streams.stdout = Some(Box::new(stdout));
    streams.stderr = Some(Box::new(stderr));
    let running = async { exec.exec(request, streams).await.map_err(failed) };
    let running = try_join3(running, collect(out), collect(err));
    let ran = timeout(limits.stream_idle_timeout, running).await;
    let (exit, stdout, stderr) = ran.map_err(|_| failed("the command took too long"))??;
    match exit {
        Exit::Code(0) => Ok(text(StatusCode::OK, Bytes::from([stdout, stderr].concat()))),
        Exit::Code(code) => {
            let said = String::from_utf8_lossy(&stderr);
            Err(failed(format!("command '{}' exited with {code}: {said}", command.join(" "))))
        }
        Exit::Unknown => Err(failed("the back end does not tell how the command ended")),
    }
}

fn command(query: &str) -> Result<Vec<String>, Refusal> {
    let given = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "cmd");
    let words: Vec<String> = given.iter().flat_map(|(_, words)| words.split(' ')).map(str::to_owned).collect();
    let is_missing = words.first().is_none_or(String::is_empty);
    if is_missing { Err(Refusal::bad_request("query parameter \"cmd\" is required: a command")) } else { Ok(words) }
}

async fn collect(output: impl AsyncRead + Unpin) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    output.take(MOST_OUTPUT as u64 + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > MOST_OUTPUT {
        return Err(failed(format!(
            "the command writes more than {MOST_OUTPUT} bytes: use exec, which has no such bound"
        )));
    }
    Ok(bytes)
}

fn failed(reason: impl ToString) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_by_spaces() {
        assert_eq!(command("cmd=ls%20-l%20/tmp&x=1").unwrap(), ["ls", "-l", "/tmp"]);
        assert_eq!(command("cmd=echo+hi").unwrap(), ["echo", "hi"]);
        for query in ["", "cmd=", "command=ls"] {
            assert_eq!(command(query).unwrap_err().status, StatusCode::BAD_REQUEST, "{query}");
        }
    }

    #[tokio::test]
    async fn what_is_too_long_is_refused() {
        assert_eq!(collect(&b"hello"[..]).await.unwrap(), b"hello");
        let endless = tokio::io::repeat(b'x');
        assert!(collect(endless).await.unwrap_err().message.contains("16777216"));
    }
}

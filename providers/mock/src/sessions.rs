//! Exec and attach. A mock container has a few commands of its own, which need no program.

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use vk_core::{Error, PodUid, Result};
use vk_provider::{Attach, AttachRequest, Exec, ExecRequest, Exit, LogReply, LogRequest, Logs, Streams};

use crate::backend::{Request, WhichRun};
use crate::client::Client;
use crate::logs::MockLogs;

/// What a shell says of a command that it does not find.
const NOT_FOUND: i32 = 127;
/// 128 and SIGKILL: how a command ends whose container does.
const KILLED: i32 = 137;
/// How much is written at once.
const PIECE: usize = 64 * 1024;

/// Serves sessions in mock containers.
#[derive(Debug, Clone)]
pub(crate) struct MockSessions {
    client: Client,
}

impl MockSessions {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    async fn run(&self, request: ExecRequest, streams: Streams) -> Result<Exit> {
        let uid = request.target.uid;
        // Subscribed before the run is read, so that no change falls between.
        let mut changes = self.client.ask(|reply| Request::Follow { uid: uid.clone(), reply }).await?;
        if !self.runs(&uid, &request.container).await? {
            let what = format!("container {:?}", request.container);
            return Err(Error::unresolved(what, "the container does not run"));
        }
        let ended = async {
            // The subscription ends with the pod.
            while changes.changed().await.is_ok() {
                if !self.runs(&uid, &request.container).await.unwrap_or(false) {
                    break;
                }
            }
        };
        tokio::select! {
            biased;
            code = command(&request.command, streams) => Ok(Exit::Code(code)),
            () = ended => Ok(Exit::Code(KILLED)),
        }
    }

    async fn runs(&self, uid: &PodUid, container: &str) -> Result<bool> {
        let (uid, container) = (uid.clone(), container.to_owned());
        let run = self.client.ask(|reply| Request::Log { uid, container, run: WhichRun::Newest, reply }).await?;
        Ok(run.finished_at.is_none())
    }

    /// What the container writes from now on.
    async fn listen(&self, request: AttachRequest, streams: Streams) -> Result<Exit> {
        let mut log = LogRequest::new(request.target, request.container);
        log.follow = true;
        log.tail_lines = Some(0);
        if let (LogReply::Stream(mut lines), Some(mut stdout)) =
            (MockLogs::new(self.client.clone()).open(log).await?, streams.stdout)
        {
            while let Some(lines) = lines.next().await {
                if stdout.write_all(&lines?).await.is_err() {
                    break;
                }
            }
        }
        Ok(Exit::Code(0))
    }
}

impl Exec for MockSessions {
    fn exec(&self, request: ExecRequest, streams: Streams) -> BoxFuture<'_, Result<Exit>> {
        Box::pin(self.run(request, streams))
    }
}

impl Attach for MockSessions {
    fn attach(&self, request: AttachRequest, streams: Streams) -> BoxFuture<'_, Result<Exit>> {
        Box::pin(self.listen(request, streams))
    }
}

/// Runs one of the commands. A client that takes no more is noticed elsewhere.
async fn command(command: &[String], mut streams: Streams) -> i32 {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match words[..] {
        ["echo", ..] => {
            write(&mut streams, format!("{}\n", words[1..].join(" ")).as_bytes()).await;
            0
        }
        ["cat"] => {
            if let (Some(stdin), Some(stdout)) = (&mut streams.stdin, &mut streams.stdout) {
                drop(tokio::io::copy(stdin, stdout).await);
            }
            0
        }
        ["exit", code] => code.parse().unwrap_or(2),
        ["sleep", "infinity"] => std::future::pending().await,
        ["sleep", seconds] => match seconds.parse() {
            Ok(seconds) => {
                sleep(Duration::from_secs(seconds)).await;
                0
            }
            Err(_) => complain(&mut streams, "sleep: a number of seconds, or infinity").await,
        },
        ["zeros", bytes] => match bytes.parse() {
            Ok(bytes) => {
                if let Some(stdout) = &mut streams.stdout {
                    let zeros = tokio::io::repeat(0).take(bytes);
                    drop(tokio::io::copy_buf(&mut tokio::io::BufReader::with_capacity(PIECE, zeros), stdout).await);
                }
                0
            }
            Err(_) => complain(&mut streams, "zeros: a number of bytes").await,
        },
        _ => {
            let name = words.first().copied().unwrap_or_default();
            let text = format!("{name}: a mock container has echo, cat, exit, sleep and zeros");
            complain(&mut streams, &text).await;
            NOT_FOUND
        }
    }
}

async fn write(streams: &mut Streams, bytes: &[u8]) {
    if let Some(stdout) = &mut streams.stdout {
        drop(stdout.write_all(bytes).await);
    }
}

async fn complain(streams: &mut Streams, text: &str) -> i32 {
    // With a terminal there is no stderr.
    if let Some(output) = streams.stderr.as_mut().or(streams.stdout.as_mut()) {
        drop(output.write_all(format!("{text}\n").as_bytes()).await);
    }
    2
}

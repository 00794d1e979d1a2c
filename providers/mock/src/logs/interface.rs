//! The contract's [`Logs`] on top of [`LogRun`].

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::sleep_until;
use vk_core::{PodUid, Result};
use vk_provider::{LogReply, LogRequest, LogStream, Logs};

use super::LogRun;
use crate::backend::{Clock, Request, WhichRun};
use crate::client::Client;

/// Lines that one piece of the stream has at most.
const LINES_AT_ONCE: u64 = 256;

/// Serves the computed logs.
#[derive(Debug, Clone)]
pub(crate) struct MockLogs {
    client: Client,
}

impl MockLogs {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    async fn open_log(&self, request: LogRequest) -> Result<LogReply> {
        let uid = request.target.uid.clone();
        // Subscribed before the run is read, so that no change falls between.
        let changes = if request.follow {
            Some(self.client.ask(|reply| Request::Follow { uid: uid.clone(), reply }).await?)
        } else {
            None
        };
        let which = if request.previous { WhichRun::Previous } else { WhichRun::Newest };
        let run = self.find(&uid, &request.container, which).await?;
        if request.stream == LogStream::Stderr {
            // Mock containers write to stdout only.
            return Ok(LogReply::Stream(stream::empty().boxed()));
        }
        let written = run.count(self.client.clock().now());
        let tail = request.tail_lines.map_or(0, |lines| written.saturating_sub(lines));
        let since = request.since.map_or(0, |since| run.first_since(since));
        let reader = Reader {
            logs: self.clone(),
            uid,
            container: request.container,
            timestamps: request.timestamps,
            next: tail.max(since),
            end: written,
            run,
            changes,
        };
        let pieces = stream::unfold(reader, |mut reader| async move {
            let piece = reader.next_piece().await?;
            Some((Ok(piece), reader))
        });
        Ok(LogReply::Stream(pieces.boxed()))
    }

    async fn find(&self, uid: &PodUid, container: &str, run: WhichRun) -> Result<LogRun> {
        self.client.ask(|reply| Request::Log { uid: uid.clone(), container: container.to_owned(), run, reply }).await
    }
}

impl Logs for MockLogs {
    fn open(&self, request: LogRequest) -> BoxFuture<'_, Result<LogReply>> {
        Box::pin(self.open_log(request))
    }
}

/// Where one reader of a log stands.
struct Reader {
    logs: MockLogs,
    uid: PodUid,
    container: String,
    timestamps: bool,
    run: LogRun,
    /// The next line to hand out.
    next: u64,
    /// Lines before this one are written.
    end: u64,
    /// Present if the log is followed.
    changes: Option<watch::Receiver<()>>,
}

impl Reader {
    async fn next_piece(&mut self) -> Option<Bytes> {
        while self.next >= self.end {
            self.wait_for_more().await?;
        }
        let until = self.end.min(self.next.saturating_add(LINES_AT_ONCE));
        let mut piece = BytesMut::new();
        for line in self.next..until {
            piece.extend_from_slice(self.run.line(line, self.timestamps).as_bytes());
        }
        self.next = until;
        Some(piece.freeze())
    }

    /// Waits until a line may have been written. `None` if none will be.
    async fn wait_for_more(&mut self) -> Option<()> {
        let clock: Clock = self.logs.client.clock();
        let changes = self.changes.as_mut()?;
        if self.run.finished_at.is_some() {
            return None;
        }
        let next_line = self.run.written_at(self.next).map(|at| clock.instant(at));
        let line_is_due = async {
            match next_line {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = changes.changed() => {
                changed.ok()?;
                self.run = self.logs.find(&self.uid, &self.container, WhichRun::Number(self.run.number)).await.ok()?;
            }
            () = line_is_due => {}
        }
        self.end = self.run.count(clock.now());
        Some(())
    }
}

//! The body of a log response.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use http_body::Frame;
use vk_core::{Error, Result};

/// Writes a provider's stream out, up to a limit. The stream is dropped as soon as nothing more is wanted of it.
///
/// A stream that fails ends the body with a line that says so, as the kubelet does, because that line is all that `kubectl`
/// shows; then the body is cut, so that whoever talks to the port directly notices.
pub(crate) struct LogOutput {
    state: State,
    limit: Option<u64>,
    at_line_start: bool,
}

enum State {
    Open(BoxStream<'static, Result<Bytes>>),
    /// The line has been written; the connection gets a chance to send it before the cut.
    Failing(Error),
    Failed(Error),
    Ended,
}

impl LogOutput {
    pub(crate) fn new(content: BoxStream<'static, Result<Bytes>>, limit_bytes: Option<u64>) -> Self {
        Self { state: State::Open(content), limit: limit_bytes, at_line_start: true }
    }

    fn write(&mut self, mut bytes: Bytes) -> Bytes {
        if let Some(limit) = &mut self.limit {
            bytes.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
            *limit -= bytes.len() as u64;
            if *limit == 0 {
                self.state = State::Ended;
            }
        }
        self.at_line_start = bytes.last().map_or(self.at_line_start, |byte| *byte == b'\n');
        bytes
    }

    fn fail(&mut self, error: Error) -> Bytes {
        tracing::warn!(%error, "a log ended early");
        let newline = if self.at_line_start { "" } else { "\n" };
        let line = format!("{newline}virtual-kubelet: reading the log failed: {error}\n");
        self.state = State::Failing(error);
        line.into()
    }
}

impl Stream for LogOutput {
    type Item = Result<Frame<Bytes>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = match std::mem::replace(&mut self.state, State::Ended) {
            State::Open(mut content) => {
                let polled = catch_unwind(AssertUnwindSafe(|| content.poll_next_unpin(context)));
                self.state = State::Open(content);
                polled
            }
            State::Failing(error) => {
                self.state = State::Failed(error);
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            State::Failed(error) => return Poll::Ready(Some(Err(error))),
            State::Ended => return Poll::Ready(None),
        };
        let bytes = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(None)) => {
                self.state = State::Ended;
                return Poll::Ready(None);
            }
            Ok(Poll::Ready(Some(Ok(bytes)))) => self.write(bytes),
            Ok(Poll::Ready(Some(Err(error)))) => self.fail(error),
            Err(panic) => {
                // What panicked once is not polled again.
                self.state = State::Ended;
                self.fail(Error::internal(format!("the provider panicked: {}", message(&*panic))))
            }
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use tokio_util::sync::CancellationToken;

    use super::*;

    async fn written(content: Vec<Result<Bytes>>, limit: Option<u64>) -> (String, bool) {
        let mut output = LogOutput::new(stream::iter(content).boxed(), limit);
        let mut text = Vec::new();
        while let Some(frame) = output.next().await {
            match frame {
                Ok(frame) => text.extend_from_slice(frame.data_ref().unwrap()),
                Err(_) => return (String::from_utf8(text).unwrap(), true),
            }
        }
        (String::from_utf8(text).unwrap(), false)
    }

    fn parts(parts: &[&'static str]) -> Vec<Result<Bytes>> {
        parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect()
    }

    #[tokio::test]
    async fn a_limit_cuts_in_the_middle_of_a_line() {
        assert_eq!(written(parts(&["abc\n", "def\n"]), Some(6)).await, ("abc\nde".into(), false));
        assert_eq!(written(parts(&["abc\n", "def\n"]), Some(8)).await, ("abc\ndef\n".into(), false));
        assert_eq!(written(parts(&["abc\n"]), Some(100)).await, ("abc\n".into(), false));
        assert_eq!(written(parts(&["abc\n", "def\n"]), None).await, ("abc\ndef\n".into(), false));
    }

    #[tokio::test]
    async fn a_stream_that_reached_its_limit_is_dropped_and_not_polled() {
        let dropped = CancellationToken::new();
        let content = stream::unfold(dropped.clone().drop_guard(), |guard| async {
            Some((Ok(Bytes::from_static(b"12345")), guard))
        });
        let mut output = LogOutput::new(content.boxed(), Some(5));
        assert_eq!(output.next().await.unwrap().unwrap().into_data().unwrap(), "12345");
        assert!(dropped.is_cancelled());
        assert!(output.next().await.is_none());
    }

    #[tokio::test]
    async fn a_failure_is_said_on_a_line_of_its_own_and_cuts_the_body() {
        let mut content = parts(&["half a line"]);
        content.push(Err(Error::unavailable("engine gone")));
        let (text, cut) = written(content, None).await;
        assert!(cut);
        assert_eq!(text, "half a line\nvirtual-kubelet: reading the log failed: back end unavailable: engine gone\n");
    }

    #[tokio::test]
    async fn a_provider_that_panics_fails_its_stream_only() {
        let content = stream::poll_fn(|_| -> Poll<Option<Result<Bytes>>> { panic!("oops") });
        let mut output = LogOutput::new(content.boxed(), None);
        let line = output.next().await.unwrap().unwrap().into_data().unwrap();
        assert!(line.ends_with(b"the provider panicked: oops\n"), "{line:?}");
        assert!(output.next().await.unwrap().is_err());
    }
}

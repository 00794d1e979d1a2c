//! What a handler gets.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// The client's side of a command.
#[derive(Debug)]
#[non_exhaustive]
pub struct RemoteCommand {
    /// What the client types.
    pub stdin: Option<Input>,
    /// What the command prints.
    pub stdout: Option<Output>,
    /// What it prints as errors.
    pub stderr: Option<Output>,
    /// The sizes of the client's terminal.
    pub resizes: Option<Resizes>,
}

/// Bytes from the client.
pub struct Input(Pin<Box<dyn AsyncRead + Send>>);

/// Bytes for the client. `flush` waits for nothing.
pub struct Output(Pin<Box<dyn AsyncWrite + Send>>);

/// The terminal's sizes, as they change. Those that come while nobody looks may be left out, but for the last one.
pub struct Resizes(BoxStream<'static, TerminalSize>);

/// Takes sizes out of bytes.
pub(super) struct SizeReader {
    source: Input,
    unread: BytesMut,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// The longest message of one size.
const LONGEST_RESIZE: usize = 1024;

impl RemoteCommand {
    pub(super) fn new(
        stdin: Option<Input>,
        stdout: Option<Output>,
        stderr: Option<Output>,
        resizes: Option<Resizes>,
    ) -> Self {
        Self { stdin, stdout, stderr, resizes }
    }
}

impl Input {
    pub(super) fn new(input: impl AsyncRead + Send + 'static) -> Self {
        Self(Box::pin(input))
    }
}

impl Output {
    pub(super) fn new(output: impl AsyncWrite + Send + 'static) -> Self {
        Self(Box::pin(output))
    }
}

impl Resizes {
    pub(super) fn new(sizes: impl Stream<Item = TerminalSize> + Send + 'static) -> Self {
        Self(sizes.boxed())
    }

    /// The next size; `None` once there will be no more.
    pub async fn next(&mut self) -> Option<TerminalSize> {
        self.0.next().await
    }
}

impl SizeReader {
    pub(super) fn new(source: Input) -> Self {
        Self { source, unread: BytesMut::new() }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = TerminalSize> + Send {
        stream::unfold(self, |mut reader| async move { Some((reader.next().await?, reader)) })
    }

    /// The next size; `None` once there will be no more. Messages that are none are passed over.
    pub(super) async fn next(&mut self) -> Option<TerminalSize> {
        loop {
            let mut sizes = serde_json::Deserializer::from_slice(&self.unread).into_iter::<TerminalSize>();
            let first = sizes.next();
            let read = sizes.byte_offset();
            match first {
                Some(Ok(size)) => {
                    drop(self.unread.split_to(read));
                    return Some(size);
                }
                // The rest of it is still to come.
                Some(Err(error)) if error.is_eof() && self.unread.len() < LONGEST_RESIZE => {}
                Some(Err(_)) => self.unread.clear(),
                None => {}
            }
            if self.source.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_read(context, into)
    }
}

impl AsyncWrite for Output {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_shutdown(context)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

impl fmt::Debug for Resizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resizes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sizes_are_read_however_they_are_cut_and_nonsense_is_passed_over() {
        let (near, far) = tokio::io::duplex(16);
        let mut resizes = Resizes::new(SizeReader::new(Input::new(near)).into_stream());
        tokio::spawn(async move {
            let mut far = far;
            let messages =
                [r#"{"Width":80,"Height":24}{"Width":81,"#, "\"Height\":25}\n", r#"{"Width":-1,"Height":0}"#];
            for message in messages {
                tokio::io::AsyncWriteExt::write_all(&mut far, message.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(resizes.next().await, Some(TerminalSize { width: 80, height: 24 }));
        assert_eq!(resizes.next().await, Some(TerminalSize { width: 81, height: 25 }));
        assert_eq!(resizes.next().await, None);
    }
}

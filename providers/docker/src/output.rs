//! What a program prints, as Docker sends it: a terminal's bytes as they are, anything else in frames
//! ([stream format](https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach)).

use std::io;
use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};

/// Kind, three bytes of nothing, and the length of the content.
const HEADER: usize = 8;

/// How the output is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Of a terminal: there is one stream, and it is not marked.
    Raw,
    /// Each piece says whether it is of stdout or of stderr.
    Frames,
}

impl Layout {
    pub(crate) fn of_terminal(has_terminal: bool) -> Self {
        if has_terminal { Self::Raw } else { Self::Frames }
    }
}

/// Something that was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Stdout(Bytes),
    Stderr(Bytes),
}

impl Piece {
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Stdout(bytes) | Self::Stderr(bytes) => bytes,
        }
    }
}

/// Output, piece by piece. No frame is waited for as a whole.
pub(crate) type Output = BoxStream<'static, io::Result<Piece>>;

/// Takes apart what Docker sends.
pub(crate) fn output(bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static, layout: Layout) -> Output {
    match layout {
        Layout::Raw => bytes.map_ok(Piece::Stdout).boxed(),
        Layout::Frames => stream::try_unfold((Frames::default(), Box::pin(bytes)), |(mut frames, mut bytes)| async {
            loop {
                if let Some(piece) = frames.next()? {
                    return Ok(Some((piece, (frames, bytes))));
                }
                match pin!(&mut bytes).try_next().await? {
                    Some(more) => frames.unread.extend_from_slice(&more),
                    None => return frames.end().map(|()| None),
                }
            }
        })
        .boxed(),
    }
}

/// Frames that come in pieces of any length.
#[derive(Debug, Default)]
struct Frames {
    unread: BytesMut,
    /// The frame that is being read, and how much of it is still to come.
    is_stderr: bool,
    left: usize,
}

impl Frames {
    /// The next piece of what has come, if there is one.
    fn next(&mut self) -> io::Result<Option<Piece>> {
        while self.left == 0 {
            if self.unread.len() < HEADER {
                return Ok(None);
            }
            // The kind 0 is stdout too; 3 are errors of the engine.
            self.is_stderr = match self.unread.get_u8() {
                0 | 1 => false,
                2 | 3 => true,
                kind => {
                    let message = format!("Docker sent a piece of output of an unknown kind ({kind})");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            };
            self.unread.advance(3);
            self.left = usize::try_from(self.unread.get_u32()).unwrap_or(usize::MAX);
        }
        let bytes = self.unread.split_to(self.left.min(self.unread.len())).freeze();
        self.left -= bytes.len();
        let piece = if self.is_stderr { Piece::Stderr } else { Piece::Stdout };
        Ok((!bytes.is_empty()).then(|| piece(bytes)))
    }

    /// Nothing more comes.
    fn end(&self) -> io::Result<()> {
        if self.left == 0 && self.unread.is_empty() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "Docker stopped in the middle of a piece of output"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(bytes: &[u8], cut: usize) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let parts: Vec<_> = bytes.chunks(cut).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
        stream::iter(parts)
    }

    /// All of stdout, and all of stderr.
    async fn printed(output: Output) -> io::Result<(Vec<u8>, Vec<u8>)> {
        output
            .try_fold((Vec::new(), Vec::new()), |(mut out, mut err), piece| async {
                match piece {
                    Piece::Stdout(bytes) => out.extend_from_slice(&bytes),
                    Piece::Stderr(bytes) => err.extend_from_slice(&bytes),
                }
                Ok((out, err))
            })
            .await
    }

    const FRAMES: &[u8] = b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x05wrong\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01!";

    #[tokio::test]
    async fn frames_are_taken_apart_however_they_are_cut() {
        for cut in 1..=FRAMES.len() {
            let seen = printed(output(sent(FRAMES, cut), Layout::Frames)).await.unwrap();
            assert_eq!(seen, (b"one!".to_vec(), b"wrong".to_vec()), "{cut}");
        }
    }

    #[tokio::test]
    async fn a_terminal_prints_what_looks_like_frames() {
        for cut in 1..=FRAMES.len() {
            let seen = printed(output(sent(FRAMES, cut), Layout::Raw)).await.unwrap();
            assert_eq!(seen, (FRAMES.to_vec(), Vec::new()), "{cut}");
        }
    }

    #[tokio::test]
    async fn a_frame_is_not_waited_for_as_a_whole() {
        let first = stream::iter([Ok(Bytes::from_static(b"\x01\0\0\0\xff\xff\xff\xffbegin"))]).chain(stream::pending());
        let mut output = output(first, Layout::Frames);
        assert_eq!(output.try_next().await.unwrap(), Some(Piece::Stdout(Bytes::from_static(b"begin"))));
    }

    #[tokio::test]
    async fn what_is_no_frame_or_half_of_one_is_an_error() {
        let error =
            |bytes: &'static [u8]| async { printed(output(sent(bytes, 64), Layout::Frames)).await.unwrap_err().kind() };
        assert_eq!(error(b"\x07\0\0\0\0\0\0\x01!").await, io::ErrorKind::InvalidData);
        assert_eq!(error(b"\x01\0\0\0\0\0\0\x02!").await, io::ErrorKind::UnexpectedEof);
        assert_eq!(error(b"\x01\0\0").await, io::ErrorKind::UnexpectedEof);
    }
}

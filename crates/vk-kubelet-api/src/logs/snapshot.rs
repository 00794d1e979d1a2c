//! Cuts a whole log, as back ends hand it out that cannot do better, to what was asked for.

use std::fmt::Write;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use vk_core::Result;
use vk_provider::LogRequest;

/// Pieces are written out at about this size.
const PIECE_BYTES: usize = 32 * 1024;
/// The longest time before a line: `2006-01-02T15:04:05.000000000+00:00`.
const TIME_BYTES: usize = 35;

/// What is wanted of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cut {
    pub(crate) tail_lines: Option<u64>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) timestamps: bool,
}

impl Cut {
    pub(crate) fn of(request: &LogRequest) -> Self {
        Self { tail_lines: request.tail_lines, since: request.since, timestamps: request.timestamps }
    }
}

/// The log, cut, piece by piece.
pub(crate) fn stream(snapshot: Bytes, cut: Cut) -> BoxStream<'static, Result<Bytes>> {
    stream::iter(Pieces::new(snapshot, cut).map(Ok)).boxed()
}

/// Iterates over the log, cut, without holding a second copy of it.
#[derive(Debug)]
pub(crate) struct Pieces {
    rest: Bytes,
    /// The time of the line before, which lines without a time of their own share.
    time: Option<Timestamp>,
    cut: Cut,
}

impl Pieces {
    /// As the kubelet does, the tail is counted first and lines of it that are too old are left out then.
    pub(crate) fn new(mut snapshot: Bytes, cut: Cut) -> Self {
        let start = cut.tail_lines.map_or(0, |lines| tail_start(&snapshot, lines));
        let before = snapshot.split_to(start);
        let time = cut.since.and_then(|_| last_time(&before));
        Self { rest: snapshot, time, cut }
    }

    fn write(&mut self, line: &[u8], out: &mut BytesMut) {
        let (time, text) = split_time(line);
        self.time = time.or(self.time);
        if let (Some(time), Some(since)) = (self.time, self.cut.since)
            && time < since
        {
            return;
        }
        if let (Some(time), true) = (time, self.cut.timestamps) {
            // Writing to a buffer that grows cannot fail.
            let _ = write!(out, "{time:.9} ");
        }
        out.extend_from_slice(text);
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while out.len() < PIECE_BYTES && !self.rest.is_empty() {
            let line = self.rest.split_to(line_end(&self.rest));
            self.write(&line, &mut out);
        }
        (!out.is_empty()).then(|| out.freeze())
    }
}

/// Where the first line ends, its newline included.
pub(crate) fn line_end(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |newline| newline + 1)
}

/// The time before a line, and the rest. A line without one, which only a back end's own mistake makes, is all text.
pub(crate) fn split_time(line: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let word = line.iter().take(TIME_BYTES + 1).position(|byte| matches!(byte, b' ' | b'\n')).unwrap_or(line.len());
    let (word, rest) = line.split_at(word);
    match std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()) {
        Some(time) => (Some(time), rest.strip_prefix(b" ").unwrap_or(rest)),
        None => (None, line),
    }
}

/// Where the last so many lines begin.
fn tail_start(bytes: &[u8], lines: u64) -> usize {
    let Ok(lines) = usize::try_from(lines) else { return 0 };
    if lines == 0 {
        return bytes.len();
    }
    // The newline that ends the last line begins no further one.
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let newlines = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    newlines.map(|(at, _)| at + 1).nth(lines - 1).unwrap_or(0)
}

fn last_time(bytes: &[u8]) -> Option<Timestamp> {
    bytes.strip_suffix(b"\n").unwrap_or(bytes).rsplit(|byte| *byte == b'\n').find_map(|line| split_time(line).0)
}

#[cfg(test)]
mod tests;

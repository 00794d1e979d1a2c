//! Pairs of streams: a connection has one for its bytes and one for what went wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use spdy::{Headers, Request, ResetStatus, Stream, StreamId};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

const STREAM_TYPE: &str = "streamtype";
const PORT: &str = "port";
const REQUEST_ID: &str = "requestid";

/// The streams of one connection.
pub(super) struct Pair {
    pub(super) data: Stream,
    pub(super) error: Stream,
    pub(super) port: u16,
}

/// Which of the two a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Error,
}

/// A stream whose partner has not come yet.
pub(super) struct Half {
    kind: Kind,
    stream: Stream,
    port: u16,
    deadline: Instant,
}

impl Half {
    /// Tells the client that this is of no use alone.
    pub(super) async fn give_up(mut self) {
        match self.kind {
            // A client that has gone is noticed by the transport.
            Kind::Error => drop(self.stream.write_all(b"timed out waiting for the stream of data").await),
            Kind::Data => self.stream.reset(ResetStatus::Cancel),
        }
    }
}

/// The halves that wait, by the request that they belong to. There are never more than the connection may have streams.
pub(super) struct Pairs {
    halves: BTreeMap<String, Half>,
    patience: Duration,
}

impl Pairs {
    pub(super) fn new(patience: Duration) -> Self {
        Self { halves: BTreeMap::new(), patience }
    }

    /// Takes a stream, unless its headers are wrong or it is there already; then it is refused. Gives the pair that it
    /// completes.
    pub(super) fn place(&mut self, request: Request) -> Option<Pair> {
        let (kind, port) = kind_and_port(request.headers())?;
        let id = request.headers().get(REQUEST_ID).map_or_else(|| implied_id(request.id(), kind), str::to_owned);
        let Some(first) = self.halves.remove(&id) else {
            let deadline = Instant::now() + self.patience;
            self.halves.insert(id, Half { kind, stream: accept(request), port, deadline });
            return None;
        };
        match (first.kind, kind) {
            (Kind::Error, Kind::Data) => Some(Pair { data: accept(request), error: first.stream, port }),
            (Kind::Data, Kind::Error) => Some(Pair { data: first.stream, error: accept(request), port: first.port }),
            _ => {
                self.halves.insert(id, first);
                None
            }
        }
    }

    /// When the first of those that wait is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.halves.values().map(|half| half.deadline).min()
    }

    /// Takes out those that have waited for too long.
    pub(super) fn take_late(&mut self) -> Vec<Half> {
        let now = Instant::now();
        self.halves.extract_if(.., |_, half| half.deadline <= now).map(|(_, half)| half).collect()
    }
}

/// `None` if a stream of these headers cannot be served: the port has to be from 1 to 65535, the type `data` or `error`.
fn kind_and_port(headers: &Headers) -> Option<(Kind, u16)> {
    let kind = match headers.get(STREAM_TYPE)? {
        "data" => Kind::Data,
        "error" => Kind::Error,
        _ => return None,
    };
    let port = headers.get(PORT)?.parse().ok().filter(|port| *port > 0)?;
    Some((kind, port))
}

/// Clients from before requests had ids open the stream for errors first, and the one for data right after it.
fn implied_id(stream: StreamId, kind: Kind) -> String {
    let number = stream.get();
    match kind {
        Kind::Error => number.to_string(),
        Kind::Data => number.saturating_sub(2).to_string(),
    }
}

/// What is written arrives, however the stream is left.
fn accept(request: Request) -> Stream {
    let mut stream = request.accept(Headers::default());
    stream.finish_on_drop();
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_which_stream_of_which_port() {
        let read = |kind: &str, port: &str| kind_and_port(&Headers::from_pairs([("streamType", kind), ("port", port)]));
        assert_eq!(read("data", "1"), Some((Kind::Data, 1)));
        assert_eq!(read("error", "65535"), Some((Kind::Error, 65535)));
        for port in ["", "0", "-1", "65536", "http", "80 "] {
            assert_eq!(read("data", port), None, "{port:?}");
        }
        assert_eq!(read("stdin", "80"), None);
        assert_eq!(kind_and_port(&Headers::from_pairs([("port", "80")])), None);
        assert_eq!(kind_and_port(&Headers::from_pairs([("streamtype", "data")])), None);
    }

    #[test]
    fn streams_without_ids_belong_to_their_neighbours() {
        let id = |number| StreamId::new(number).unwrap();
        assert_eq!(implied_id(id(1), Kind::Error), implied_id(id(3), Kind::Data));
        assert_ne!(implied_id(id(1), Kind::Error), implied_id(id(5), Kind::Data));
    }
}

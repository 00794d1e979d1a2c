//! Pairs of streams: a connection has one for its bytes and one for what went wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use spdy::{Headers, Request, ResetStatus, SendHalf, Stream, StreamId};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

const STREAM_TYPE: &str = "streamtype";
const PORT: &str = "port";
const REQUEST_ID: &str = "requestid";

/// The longest id of a request: it is kept while half of its pair waits. Clients count their requests.
const LONGEST_REQUEST_ID: usize = 64;

/// The most connections of one session: as many as [`MOST_STREAMS`] have place for. They are counted apart from these, because
/// a stream that its client has reset is gone at once, and what was begun for it may not be.
const MOST_CONNECTIONS: usize = MOST_STREAMS / 2;

/// The most streams that a client may have open at once.
pub(super) const MOST_STREAMS: usize = 1024;

/// The streams of one connection.
pub(super) struct Pair {
    pub(super) data: Stream,
    /// Clients have nothing to say on it.
    pub(super) error: SendHalf,
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
    stream: Waiting,
    port: u16,
    deadline: Instant,
}

enum Waiting {
    Data(Stream),
    Error(SendHalf),
}

impl Half {
    /// Tells the client that this is of no use alone.
    pub(super) async fn give_up(self) {
        match self.stream {
            // A client that has gone is noticed by the transport.
            Waiting::Error(mut stream) => {
                drop(stream.write_all(b"timed out waiting for the stream of data").await);
            }
            Waiting::Data(stream) => stream.reset(ResetStatus::Cancel),
        }
    }
}

/// The halves that wait, by the request that they belong to.
pub(super) struct Pairs {
    halves: BTreeMap<String, Half>,
    patience: Duration,
}

impl Pairs {
    pub(super) fn new(patience: Duration) -> Self {
        Self { halves: BTreeMap::new(), patience }
    }

    /// Takes a stream, unless its headers are wrong, it is there already, or with so many connections `running` there is no
    /// place for another one; then it is refused. Gives the pair that it completes.
    pub(super) fn place(&mut self, request: Request, running: usize) -> Option<Pair> {
        let (kind, port) = kind_and_port(request.headers())?;
        let id = request.headers().get(REQUEST_ID).map_or_else(|| implied_id(request.id(), kind), str::to_owned);
        if id.len() > LONGEST_REQUEST_ID {
            return None;
        }
        let Some(Half { stream: first, port: first_port, deadline }) = self.halves.remove(&id) else {
            if self.halves.len() + running < MOST_CONNECTIONS {
                let deadline = Instant::now() + self.patience;
                self.halves.insert(id, Half { stream: Waiting::accept(request, kind), port, deadline });
            }
            return None;
        };
        match (first, kind) {
            (Waiting::Error(error), Kind::Data) => Some(Pair { data: accept(request), error, port }),
            (Waiting::Data(data), Kind::Error) => {
                Some(Pair { data, error: accept_for_writing(request), port: first_port })
            }
            (stream, _) => {
                self.halves.insert(id, Half { stream, port: first_port, deadline });
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

impl Waiting {
    fn accept(request: Request, kind: Kind) -> Self {
        match kind {
            Kind::Data => Self::Data(accept(request)),
            Kind::Error => Self::Error(accept_for_writing(request)),
        }
    }
}

/// What is written arrives, however the stream is left.
fn accept(request: Request) -> Stream {
    let mut stream = request.accept(Headers::default());
    stream.finish_on_drop();
    stream
}

/// What comes on it is not kept.
fn accept_for_writing(request: Request) -> SendHalf {
    accept(request).into_split().1
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

//! Bodies of answers.

use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};

use super::TransportError;

/// The body of an answer: whole, broken off, or a watch.
pub type ResponseBody = UnsyncBoxBody<Bytes, TransportError>;

pub(super) fn whole(bytes: Bytes) -> ResponseBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// The first half of a body, and then a broken connection.
pub(super) fn truncated(bytes: &Bytes) -> ResponseBody {
    let half = bytes.slice(..bytes.len() / 2);
    let parts = [Ok(Frame::data(half)), Err(TransportError::Reset)];
    StreamBody::new(stream::iter(parts)).boxed_unsync()
}

pub(super) fn streamed(events: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static) -> ResponseBody {
    use futures::StreamExt as _;
    StreamBody::new(events.map(|event| event.map(Frame::data))).boxed_unsync()
}

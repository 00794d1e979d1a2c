//! `/pods`: the node's pods as a `v1.PodList`.

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::timeout;
use vk_core::RawPod;

use crate::limits::Limits;
use crate::response::{Body, Refusal, json_stream};
use crate::server::NodeServices;

const HEAD: Bytes = Bytes::from_static(br#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":["#);
const COMMA: Bytes = Bytes::from_static(b",");
const TAIL: Bytes = Bytes::from_static(b"]}\n");

/// Writes pod after pod. A source that fails before the first one is an error; later, the body is cut.
pub(super) async fn serve(node: &NodeServices, limits: &Limits) -> Result<Response<Body>, Refusal> {
    let mut pods = node.pods.list();
    let first = timeout(limits.backend_timeout, pods.try_next()).await;
    let first = first.map_err(|_| Refusal::late("the pod source"))??;
    Ok(json_stream(list(first, pods)))
}

fn list(first: Option<RawPod>, rest: BoxStream<'static, vk_core::Result<RawPod>>) -> Body {
    let rest = rest.flat_map(|pod| match pod {
        Ok(pod) => stream::iter(vec![Ok(COMMA), Ok(content(&pod))]),
        Err(error) => {
            tracing::warn!(%error, "the list of pods ended early");
            stream::iter(vec![Err(error)])
        }
    });
    let pieces = stream::iter([HEAD])
        .chain(stream::iter(first.as_ref().map(content)))
        .map(Ok)
        .chain(rest)
        .chain(stream::iter([Ok(TAIL)]));
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}

fn content(pod: &RawPod) -> Bytes {
    pod.as_bytes().clone()
}

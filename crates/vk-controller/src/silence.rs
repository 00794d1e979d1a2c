//! A bound on how long the API server may be silent in a watch.
//!
//! A connection that is half-open, or a server that hangs, looks like a watch in which nothing happens. Every watch of ours
//! asks to be ended by the server within a minute, so a longer silence is neither.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::ready;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use kube::Client;
use kube::client::Body;
use tokio::time::{Instant, Sleep};
use tower_service::Service;

/// Longer than any watch of ours lasts (60 s), with time for an answer that is slow.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(75);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// No byte of an answer came for so long.
#[derive(Debug, thiserror::Error)]
#[error("the API server has said nothing for {} s", LONGEST_SILENCE.as_secs())]
struct Silent;

/// The same client, for which an answer fails that is silent for [`LONGEST_SILENCE`].
pub(crate) fn without_silence(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    Client::new(Attentive(client), namespace)
}

#[derive(Clone)]
struct Attentive(Client);

impl Service<Request<Body>> for Attentive {
    type Response = Response<AttentiveBody>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let response = tokio::time::timeout(LONGEST_SILENCE, client.send(request)).await.map_err(|_| Silent)??;
            let silence = || Box::pin(tokio::time::sleep(LONGEST_SILENCE));
            Ok(response.map(|body| AttentiveBody { body: Box::pin(body), silence: silence() }))
        })
    }
}

struct AttentiveBody {
    body: Pin<Box<Body>>,
    silence: Pin<Box<Sleep>>,
}

impl HttpBody for AttentiveBody {
    type Data = <Body as HttpBody>::Data;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Failure>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(context) {
            self.silence.as_mut().reset(Instant::now() + LONGEST_SILENCE);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Some(Err(Silent.into())))
    }
}

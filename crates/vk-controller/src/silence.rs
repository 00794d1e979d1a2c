//! A bound on how long the API server may be silent in a watch.
//!
//! A connection that is half-open, or a server that hangs, looks like a watch in which nothing happens. Every watch asks to be
//! ended by the server in time, so a longer silence is neither.

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

/// For watches that last 60 s, with time for an answer that is slow; and for the beginning of every answer.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// For watches that last as long as kube's do unless they are told otherwise (290 s).
pub(crate) const LONGEST_SILENCE_OF_REFERENCES: Duration = Duration::from_secs(305);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// No byte of an answer came for so long.
#[derive(Debug, thiserror::Error)]
#[error("the API server has said nothing for {} s", .0.as_secs())]
struct Silent(Duration);

/// The same client, for which an answer fails that is silent for so long, or does not begin within [`LONGEST_SILENCE`].
pub(crate) fn without_silence(client: Client, longest: Duration) -> Client {
    let namespace = client.default_namespace().to_owned();
    Client::new(Attentive { client, longest }, namespace)
}

#[derive(Clone)]
struct Attentive {
    client: Client,
    longest: Duration,
}

impl Service<Request<Body>> for Attentive {
    type Response = Response<AttentiveBody>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (client, longest) = (self.client.clone(), self.longest);
        Box::pin(async move {
            let answer = tokio::time::timeout(LONGEST_SILENCE, client.send(request)).await;
            let response = answer.map_err(|_| Silent(LONGEST_SILENCE))??;
            let silence = Box::pin(tokio::time::sleep(longest));
            Ok(response.map(|body| AttentiveBody { body: Box::pin(body), silence, longest }))
        })
    }
}

struct AttentiveBody {
    body: Pin<Box<Body>>,
    silence: Pin<Box<Sleep>>,
    longest: Duration,
}

impl HttpBody for AttentiveBody {
    type Data = <Body as HttpBody>::Data;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Failure>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(context) {
            let until = Instant::now() + self.longest;
            self.silence.as_mut().reset(until);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Some(Err(Silent(self.longest).into())))
    }
}

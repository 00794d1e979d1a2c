//! Asks the provider what its node looks like, and follows changes.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;
use vk_core::Error;
use vk_core::backoff::Backoff;
use vk_core::node::{NodeEvent, NodeShape};
use vk_provider::{BoxNodeProvider, NodeProvider, NodeSink};

use crate::env::Env;

/// What the provider says of its node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ShapeReport {
    /// Nothing yet.
    Pending,
    /// It cannot say, or not in time.
    Unavailable(String),
    /// This.
    Known(Box<NodeShape>),
}

impl ShapeReport {
    pub(super) fn into_event(self) -> NodeEvent {
        match self {
            Self::Pending => NodeEvent::Tick,
            Self::Unavailable(failure) => NodeEvent::ShapeUnavailable(failure),
            Self::Known(shape) => NodeEvent::Shape(shape),
        }
    }
}

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// Follows the node's shape until nobody listens any more. `patience`: after so long without an answer the node is
/// registered without one; the answer is still waited for.
pub(super) async fn follow_shape(
    provider: BoxNodeProvider,
    patience: Duration,
    env: Env,
    reports: watch::Sender<ShapeReport>,
) {
    let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);
    while !reports.is_closed() {
        match ask(&provider, patience, &reports).await {
            Ok(shape) => {
                reports.send_replace(ShapeReport::Known(Box::new(shape)));
                let began = Instant::now();
                let ended = follow(&provider, &reports).await;
                tracing::debug!(?ended, "the provider stopped reporting changes of its node; it is asked again");
                if began.elapsed() > LONGEST_DELAY {
                    backoff.reset();
                }
            }
            Err(error) => unavailable(&reports, error.to_string()),
        }
        tokio::time::sleep(backoff.next_delay(env.random().next_u64())).await;
    }
}

async fn ask(
    provider: &BoxNodeProvider,
    patience: Duration,
    reports: &watch::Sender<ShapeReport>,
) -> Result<NodeShape, Error> {
    let mut shape = std::pin::pin!(guarded(async { provider.shape().await }));
    tokio::select! {
        biased;
        shape = &mut shape => return shape,
        () = tokio::time::sleep(patience) => {}
    }
    unavailable(reports, format!("no answer within {patience:?}"));
    shape.await
}

async fn follow(provider: &BoxNodeProvider, reports: &watch::Sender<ShapeReport>) -> Result<(), Error> {
    let sender = reports.clone();
    let sink = NodeSink::new(move |shape| drop(sender.send_replace(ShapeReport::Known(Box::new(shape)))));
    guarded(async { provider.watch(sink).await }).await
}

/// A shape that is known stays: what the provider once said is better than nothing.
fn unavailable(reports: &watch::Sender<ShapeReport>, failure: String) {
    reports.send_if_modified(|known| {
        let news = !matches!(known, ShapeReport::Known(_));
        if news {
            *known = ShapeReport::Unavailable(failure);
        }
        news
    });
}

/// A provider that panics has failed, and nothing more.
async fn guarded<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => result,
        Err(_) => Err(Error::internal("the provider panicked while it described its node")),
    }
}

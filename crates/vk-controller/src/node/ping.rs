//! Asks the back end, one ping at a time, whether it answers.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::watch;
use vk_core::node::{BackendHealth, PingMonitor, PingOutcome};
use vk_provider::{BoxNodeProvider, NodeProvider};

use crate::env::Env;

/// Pings until nobody listens any more.
pub(super) async fn ping_backend(
    provider: BoxNodeProvider,
    mut monitor: PingMonitor,
    env: Env,
    health: watch::Sender<BackendHealth>,
) {
    while !health.is_closed() {
        let timeout = monitor.policy().timeout;
        let mut ping = std::pin::pin!(AssertUnwindSafe(async { provider.ping().await }).catch_unwind());
        let mut overdue = std::pin::pin!(tokio::time::sleep(timeout).fuse());
        let next_in = loop {
            let outcome = tokio::select! {
                biased;
                result = &mut ping => match result {
                    Ok(Ok(())) => PingOutcome::Answered,
                    Ok(Err(error)) => PingOutcome::Failed(error.to_string()),
                    Err(_) => PingOutcome::Failed("the provider panicked".to_owned()),
                },
                () = &mut overdue => PingOutcome::Overdue,
            };
            let step = monitor.step(outcome, env.random().next_u64());
            if let Some(changed) = step.changed {
                health.send_replace(changed);
            }
            if let Some(next_in) = step.next_in {
                break next_in;
            }
        };
        tokio::time::sleep(next_in).await;
    }
}

//! Listing the back end: at start, when a subscription begins, and as often as `vk-core` says.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{Notify, mpsc, watch};
use vk_core::poll::Pace;
use vk_core::{BackendInstance, Error, PodObservation, PodUid, Result};
use vk_provider::{BoxProvider, Provider};

use super::input::{BackendList, Input};
use super::reads::Reads;
use crate::env::Env;

/// A list of more pages than this is taken for a defect of the provider.
const MOST_PAGES: usize = 10_000;

/// Lists the back end whenever it is due, until the actor is gone. `pace` says whether some pod is in transition.
pub(super) async fn list_backend(
    provider: BoxProvider,
    reads: Reads,
    env: Env,
    wanted: Arc<Notify>,
    mut pace: watch::Receiver<Pace>,
    actor: mpsc::Sender<Input>,
) {
    while !actor.is_closed() {
        let asked_at = env.now().mono;
        match complete_list(&provider).await {
            Ok((pods, instance, pages)) => {
                reads.listed(asked_at, pages);
                let list = BackendList { asked_at, instance, pods };
                if actor.send(Input::Listed(list)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                reads.list_failed(asked_at, env.random().next_u64());
                tracing::warn!(%error, "the back end could not be listed; nothing is concluded from that");
            }
        }
        wait_until_due(&reads, &env, &wanted, &mut pace).await;
    }
}

async fn wait_until_due(reads: &Reads, env: &Env, wanted: &Notify, pace: &mut watch::Receiver<Pace>) {
    loop {
        let due = reads.next_list(*pace.borrow_and_update());
        let asked_for = tokio::select! {
            biased;
            () = wanted.notified() => true,
            changed = pace.changed() => {
                if changed.is_err() {
                    return;
                }
                false
            }
            () = env.sleep_until(due) => return,
        };
        if asked_for {
            return env.sleep_until(reads.earliest_list()).await;
        }
    }
}

type CompleteList = (BTreeMap<PodUid, PodObservation>, Option<BackendInstance>, u32);

async fn complete_list(provider: &BoxProvider) -> Result<CompleteList> {
    let mut pods = BTreeMap::new();
    let mut page = None;
    for pages in 1..=MOST_PAGES {
        // Inside the block: the call itself may panic, before there is a future.
        let listing = AssertUnwindSafe(async { provider.list(page).await }).catch_unwind().await;
        let listing = listing.map_err(|_| Error::internal("the provider's list panicked"))??;
        pods.extend(listing.pods.into_iter().map(|pod| (pod.uid.clone(), pod)));
        match listing.next {
            Some(next) => page = Some(next),
            None => return Ok((pods, listing.instance, u32::try_from(pages).unwrap_or(u32::MAX))),
        }
    }
    Err(Error::internal(format!("the provider's list has more than {MOST_PAGES} pages")))
}

/// Runs the provider's `watch` for as long as the actor lives; a broken subscription is begun anew, and listed again.
pub(super) async fn follow_backend(
    provider: BoxProvider,
    sink: vk_provider::ObservationSink,
    env: Env,
    actor: mpsc::Sender<Input>,
) {
    let mut backoff = vk_core::backoff::Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    while !actor.is_closed() {
        let begun = env.now().mono;
        let ended = tokio::select! {
            biased;
            () = actor.closed() => return,
            ended = AssertUnwindSafe(async { provider.watch(sink.clone()).await }).catch_unwind() => ended,
        };
        if env.now().mono.saturating_sub(begun) > Duration::from_secs(60) {
            backoff.reset();
        }
        let delay = backoff.next_delay(env.random().next_u64());
        match ended {
            Ok(Ok(())) => tracing::debug!(?delay, "the provider's subscription ended"),
            Ok(Err(error)) => tracing::warn!(%error, ?delay, "the provider's subscription broke"),
            Err(_) => tracing::error!(?delay, "the provider's watch panicked"),
        }
        tokio::time::sleep(delay).await;
    }
}

//! The watch of the pods bound to our node.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};
use vk_core::backoff::Backoff;

use super::input::{Input, Watched};
use super::wire::WirePod;
use crate::env::Env;
use crate::expiry::{Expiries, has_expired};
use crate::silence::without_silence;

/// The server ends a watch after this long: a longer silence is a half-open connection.
const WATCH_SECONDS: u32 = 60;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Feeds the actor with the pods of `node_name` until the actor is gone.
///
/// `reconnect` changes when the API server answers again after an outage: a watch that may be half-open is then begun anew.
pub(super) async fn watch_pods(
    client: Client,
    node_name: String,
    env: Env,
    mut reconnect: watch::Receiver<u64>,
    actor: mpsc::Sender<Input>,
) {
    let client = without_silence(client);
    let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);
    let mut expiries = Expiries::default();
    let mut reconnects = true;
    while !actor.is_closed() {
        let pods: Api<WirePod> = Api::all(client.clone());
        let config = watcher::Config::default().fields(&format!("spec.nodeName={node_name}")).timeout(WATCH_SECONDS);
        let mut stream = pin!(watcher(pods, config));
        loop {
            let item = tokio::select! {
                biased;
                changed = reconnect.changed(), if reconnects => {
                    // Without a sender nobody will ever ask for a new watch.
                    reconnects = changed.is_ok();
                    break;
                }
                item = stream.next() => item,
            };
            match item {
                Some(Ok(event)) => {
                    // The beginning of a list is told before the server has answered anything.
                    if !matches!(event, watcher::Event::Init) {
                        backoff.reset();
                    }
                    if matches!(event, watcher::Event::Apply(_) | watcher::Event::Delete(_)) {
                        expiries.followed();
                    }
                    if let Some(watched) = translate(event)
                        && actor.send(Input::Watched(watched)).await.is_err()
                    {
                        return;
                    }
                }
                Some(Err(error)) if has_expired(&error) => {
                    let delay = expiries.next_delay(&env);
                    tracing::debug!(?delay, "the watch of pods begins after a version that has expired: it lists anew");
                    tokio::time::sleep(delay).await;
                    break;
                }
                Some(Err(error)) => {
                    let delay = backoff.next_delay(env.random().next_u64());
                    // An outage is told once, however long it lasts.
                    if backoff.failures() == 1 {
                        tracing::warn!(%error, "the watch of pods failed; it goes on as soon as the API server answers");
                    } else {
                        tracing::debug!(%error, ?delay, "the watch of pods still fails");
                    }
                    tokio::time::sleep(delay).await;
                }
                None => break,
            }
        }
    }
}

fn translate(event: watcher::Event<WirePod>) -> Option<Watched> {
    match event {
        watcher::Event::Init => Some(Watched::ListBegins),
        watcher::Event::InitDone => Some(Watched::ListEnds),
        watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => {
            let uid = pod.uid();
            match pod.snapshot {
                Ok(snapshot) => Some(Watched::Applied(snapshot)),
                Err(error) => {
                    tracing::error!(error, ?uid, "a pod cannot be read and is left alone");
                    uid.map(Watched::Unreadable)
                }
            }
        }
        watcher::Event::Delete(pod) => {
            let uid = pod.uid()?;
            Some(Watched::Deleted { uid, deletion: pod.snapshot.ok().and_then(|pod| pod.facts.deletion) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable() -> WirePod {
        serde_json::from_str(r#"{"metadata":{"name":"a","uid":"u1"},"spec":{"containers":7}}"#).unwrap()
    }

    /// A pod that is missing from a list is stopped; one that cannot be read must not look like one.
    #[test]
    fn a_pod_that_cannot_be_read_is_still_there() {
        let listed = translate(watcher::Event::InitApply(unreadable()));
        assert!(matches!(listed, Some(Watched::Unreadable(uid)) if uid.as_str() == "u1"));
    }

    #[test]
    fn the_deletion_of_a_pod_that_cannot_be_read_is_seen() {
        let deleted = translate(watcher::Event::Delete(unreadable()));
        assert!(matches!(deleted, Some(Watched::Deleted { uid, deletion: None }) if uid.as_str() == "u1"));
    }
}

//! The watch of our own Node.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Node;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::time::Instant;
use vk_core::backoff::Backoff;
use vk_core::node::{NodeEvent, ObservedNode};

use super::lease_keeper::sleep_until;
use crate::env::Env;
use crate::expiry::{Expiries, has_expired};
use crate::silence::without_silence;

/// The server ends a watch after this long: a longer silence is a half-open connection.
const WATCH_SECONDS: u32 = 60;

/// Events about one Node, for ever: a watch that breaks is resumed or begun anew.
pub(super) struct OwnWatch {
    nodes: Api<Node>,
    selector: String,
    stream: BoxStream<'static, watcher::Result<watcher::Event<Node>>>,
    env: Env,
    backoff: Backoff,
    expiries: Expiries,
    /// After a failure the watch waits until then.
    resume_at: Option<Instant>,
}

impl OwnWatch {
    const FIRST_DELAY: Duration = Duration::from_millis(200);
    const LONGEST_DELAY: Duration = Duration::from_secs(5);

    pub(super) fn new(client: Client, node_name: &str, env: Env) -> Self {
        let nodes = Api::all(without_silence(client));
        let selector = format!("metadata.name={node_name}");
        let stream = begin(&nodes, &selector);
        let backoff = Backoff::new(Self::FIRST_DELAY, Self::LONGEST_DELAY);
        Self { nodes, selector, stream, env, backoff, expiries: Expiries::default(), resume_at: None }
    }

    /// Drops the connection and begins anew with a list.
    pub(super) fn restart(&mut self) {
        self.stream = begin(&self.nodes, &self.selector);
        self.resume_at = None;
    }

    /// The next event. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) -> NodeEvent {
        loop {
            if self.resume_at.is_some() {
                sleep_until(self.resume_at).await;
                self.resume_at = None;
            }
            match self.stream.next().await {
                // Said before each attempt to list, and so no sign that the server answers.
                Some(Ok(watcher::Event::Init)) => return NodeEvent::ListStarted,
                Some(Ok(event)) => {
                    self.backoff.reset();
                    if matches!(event, watcher::Event::Apply(_) | watcher::Event::Delete(_)) {
                        self.expiries.followed();
                    }
                    return translate(event);
                }
                Some(Err(error)) if has_expired(&error) => {
                    let delay = self.expiries.next_delay(&self.env);
                    self.restart();
                    self.resume_at = Some(Instant::now() + delay);
                }
                Some(Err(error)) => {
                    let delay = self.backoff.next_delay(self.env.random().next_u64());
                    self.tell(&error, delay);
                    self.resume_at = Some(Instant::now() + delay);
                }
                None => self.restart(),
            }
        }
    }

    /// An outage is told once, however long it lasts.
    fn tell(&self, error: &watcher::Error, delay: Duration) {
        if self.backoff.failures() == 1 {
            tracing::warn!(%error, "the watch of our node broke; it is resumed as soon as the API server answers");
        } else {
            tracing::debug!(%error, ?delay, "the watch of our node is still broken");
        }
    }
}

fn begin(nodes: &Api<Node>, selector: &str) -> BoxStream<'static, watcher::Result<watcher::Event<Node>>> {
    let config = watcher::Config::default().fields(selector).timeout(WATCH_SECONDS);
    watcher(nodes.clone(), config).boxed()
}

fn translate(event: watcher::Event<Node>) -> NodeEvent {
    match event {
        watcher::Event::Init => NodeEvent::ListStarted,
        watcher::Event::InitApply(node) => NodeEvent::Listed(Box::new(ObservedNode::from(node))),
        watcher::Event::InitDone => NodeEvent::ListDone,
        watcher::Event::Apply(node) => NodeEvent::Changed(Box::new(ObservedNode::from(node))),
        watcher::Event::Delete(node) => NodeEvent::Deleted { uid: node.metadata.uid.unwrap_or_default() },
    }
}

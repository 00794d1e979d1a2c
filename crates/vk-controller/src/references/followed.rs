//! Objects that are followed as they change, shared by everybody who refers to them.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};
use vk_core::Result;
use vk_core::backoff::{Backoff, jittered};
use vk_core::resolve::{Data, ServiceFacts, ServicePort};

use super::fetch::{Fetch, config_map_data, secret_data, unavailable};
use crate::env::Env;
use crate::expiry::{Expiries, has_expired};
use crate::fanout::Fanout;
use crate::silence::without_silence;

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    ConfigMap { namespace: String, name: String },
    Secret { namespace: String, name: String },
    Services { namespace: String },
}

/// The newest state of a topic; `None` until it is known.
pub(super) type State = Option<Result<Option<Data>>>;

/// A topic that nobody refers to any more is followed for this much longer: its next pod may be about to start.
const LINGER: Duration = Duration::from_secs(120);

/// Objects beyond the cap are read this often.
const POLL: Duration = Duration::from_secs(60);

/// The server ends a watch after this long: a longer silence is a half-open connection.
const WATCH_SECONDS: u32 = 60;

/// Requests that wait for the owner of the topics.
const QUEUE: usize = 1024;

/// Hands out topics. One task owns them all.
#[derive(Clone)]
pub(super) struct Followed {
    owner: mpsc::Sender<Subscribe>,
}

struct Subscribe {
    topic: Topic,
    reply: oneshot::Sender<watch::Receiver<State>>,
}

struct Owner {
    client: Client,
    fetch: Fetch,
    most_watches: usize,
    env: Env,
    /// Followers keep them alive; a topic that has ended is begun anew.
    topics: BTreeMap<Topic, Weak<Fanout<State>>>,
}

impl Followed {
    pub(super) fn new(client: Client, fetch: Fetch, most_watches: usize, env: Env) -> Self {
        let (owner, requests) = mpsc::channel(QUEUE);
        let state =
            Owner { client: without_silence(client), fetch, most_watches, env: env.clone(), topics: BTreeMap::new() };
        env.spawn("references", state.run(requests));
        Self { owner }
    }

    /// Follows the topic for as long as the receiver is held.
    pub(super) async fn subscribe(&self, topic: Topic) -> Option<watch::Receiver<State>> {
        let (reply, answer) = oneshot::channel();
        self.owner.send(Subscribe { topic, reply }).await.ok()?;
        answer.await.ok()
    }
}

impl Owner {
    async fn run(mut self, mut requests: mpsc::Receiver<Subscribe>) {
        while let Some(Subscribe { topic, reply }) = requests.recv().await {
            self.topics.retain(|_, publication| publication.strong_count() > 0);
            // One that is just ending is begun anew.
            let known = self.topics.get(&topic).and_then(Weak::upgrade);
            let receiver = known.and_then(|publication| publication.subscribe_if_open());
            let receiver = receiver.unwrap_or_else(|| self.begin(topic).subscribe());
            // Whoever asked may have gone away meanwhile.
            drop(reply.send(receiver));
        }
    }

    fn begin(&mut self, topic: Topic) -> Arc<Fanout<State>> {
        let publication = Arc::new(Fanout::new(None));
        let watches = self.topics.len() < self.most_watches;
        let follower = Follower {
            client: self.client.clone(),
            fetch: self.fetch.clone(),
            env: self.env.clone(),
            publication: publication.clone(),
        };
        self.topics.insert(topic.clone(), Arc::downgrade(&publication));
        self.env.spawn("reference", follower.run(topic, watches));
        publication
    }
}

struct Follower {
    client: Client,
    fetch: Fetch,
    env: Env,
    publication: Arc<Fanout<State>>,
}

impl Follower {
    async fn run(self, topic: Topic, watches: bool) {
        tokio::select! {
            biased;
            () = unused(&self.publication) => {}
            () = self.follow(topic, watches) => {}
        }
    }

    /// Follows for ever: a watch that has expired is begun anew.
    async fn follow(&self, topic: Topic, watches: bool) {
        let mut expiries = Expiries::default();
        loop {
            self.follow_once(&topic, watches, &mut expiries).await;
            tokio::time::sleep(expiries.next_delay(&self.env)).await;
        }
    }

    async fn follow_once(&self, topic: &Topic, watches: bool, expiries: &mut Expiries) {
        match topic {
            // Services are few and needed at every start: they are always watched.
            Topic::Services { namespace } => self.services(namespace, expiries).await,
            Topic::ConfigMap { namespace, name } if watches => {
                let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
                self.watch(api, name, config_map_data, expiries).await;
            }
            Topic::Secret { namespace, name } if watches => {
                let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
                self.watch(api, name, secret_data, expiries).await;
            }
            topic => self.poll(topic).await,
        }
    }

    async fn poll(&self, topic: &Topic) {
        loop {
            let answer = match topic {
                Topic::ConfigMap { namespace, name } => self.fetch.config_map(namespace, name).await,
                Topic::Secret { namespace, name } => self.fetch.secret(namespace, name).await,
                Topic::Services { .. } => return,
            };
            // What is known stays known while the server does not answer.
            if answer.is_ok() || self.publication.newest().is_none() {
                self.publication.publish(Some(answer));
            }
            tokio::time::sleep(jittered(POLL, 20, self.env.random().next_u64())).await;
        }
    }

    async fn watch<K>(&self, api: Api<K>, name: &str, data: fn(K) -> Data, expiries: &mut Expiries)
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}")).timeout(WATCH_SECONDS);
        let mut stream = pin!(watcher(api, config));
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let mut listed = None;
        while let Some(item) = stream.next().await {
            match item {
                Ok(watcher::Event::Init) => listed = None,
                Ok(watcher::Event::InitApply(object)) => listed = Some(data(object)),
                Ok(watcher::Event::InitDone) => self.publish(listed.take()),
                Ok(watcher::Event::Apply(object)) => {
                    expiries.followed();
                    self.publish(Some(data(object)));
                }
                Ok(watcher::Event::Delete(_)) => {
                    expiries.followed();
                    self.publish(None);
                }
                Err(error) if has_expired(&error) => return,
                Err(error) => {
                    self.pause(&mut backoff, &error).await;
                    continue;
                }
            }
            backoff.reset();
        }
    }

    fn publish(&self, data: Option<Data>) {
        self.publication.publish(Some(Ok(data)));
    }

    /// Waits before the watch goes on. Who waits for the first answer is told what keeps it; what is known stays known.
    async fn pause(&self, backoff: &mut Backoff, error: &watcher::Error) {
        if self.publication.newest().is_none_or(|known| known.is_err()) {
            self.publication.publish(Some(Err(unread(error))));
        }
        let delay = backoff.next_delay(self.env.random().next_u64());
        tracing::debug!(%error, ?delay, "the watch of a reference failed; it goes on after a delay");
        tokio::time::sleep(delay).await;
    }

    /// Every Service of the namespace, and `default/kubernetes`.
    async fn services(&self, namespace: &str, expiries: &mut Expiries) {
        let own: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let master: Api<Service> = Api::namespaced(self.client.clone(), "default");
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let mut own = pin!(watcher(own, config.clone()));
        let mut master = pin!(watcher(master, config.fields("metadata.name=kubernetes")));
        let (mut ours, mut theirs) = (ServiceList::default(), ServiceList::default());
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let (list, item) = tokio::select! {
                biased;
                item = own.next() => (&mut ours, item),
                item = master.next() => (&mut theirs, item),
            };
            match item {
                Some(Ok(event)) => {
                    backoff.reset();
                    if matches!(event, watcher::Event::Apply(_) | watcher::Event::Delete(_)) {
                        expiries.followed();
                    }
                    list.take(event);
                }
                Some(Err(error)) if has_expired(&error) => return,
                Some(Err(error)) => self.pause(&mut backoff, &error).await,
                None => return,
            }
            if let (Some(ours), Some(theirs)) = (&ours.complete, &theirs.complete) {
                let all: BTreeMap<_, _> = theirs.iter().chain(ours).collect();
                let services = all.into_values().cloned().collect();
                self.publish(Some(Data::Services(Arc::new(services))));
            }
        }
    }
}

/// Why a watch has nothing to tell, as a read of the same object would say it.
fn unread(error: &watcher::Error) -> vk_core::Error {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => unavailable(error),
        watcher::Error::WatchError(status) => vk_core::Error::unavailable(status.message.clone()),
        other => vk_core::Error::unavailable(other.to_string()),
    }
}

/// Ends once nobody has followed the topic for a while.
async fn unused(publication: &Fanout<State>) {
    loop {
        tokio::time::sleep(LINGER).await;
        if publication.close_if_unused() {
            return;
        }
    }
}

#[derive(Default)]
struct ServiceList {
    listing: BTreeMap<(String, String), ServiceFacts>,
    complete: Option<BTreeMap<(String, String), ServiceFacts>>,
}

impl ServiceList {
    fn take(&mut self, event: watcher::Event<Service>) {
        match event {
            watcher::Event::Init => self.listing.clear(),
            watcher::Event::InitApply(service) => {
                let facts = service_facts(service);
                self.listing.insert((facts.namespace.clone(), facts.name.clone()), facts);
            }
            watcher::Event::InitDone => self.complete = Some(std::mem::take(&mut self.listing)),
            watcher::Event::Apply(service) => {
                let facts = service_facts(service);
                let known = self.complete.get_or_insert_default();
                known.insert((facts.namespace.clone(), facts.name.clone()), facts);
            }
            watcher::Event::Delete(service) => {
                let facts = service_facts(service);
                self.complete.get_or_insert_default().remove(&(facts.namespace, facts.name));
            }
        }
    }
}

fn service_facts(service: Service) -> ServiceFacts {
    let spec = service.spec.unwrap_or_default();
    let port = |port: k8s_openapi::api::core::v1::ServicePort| ServicePort {
        name: port.name.unwrap_or_default(),
        protocol: port.protocol.unwrap_or_else(|| "TCP".to_owned()),
        port: u16::try_from(port.port).unwrap_or(0),
    };
    ServiceFacts {
        namespace: service.metadata.namespace.unwrap_or_default(),
        name: service.metadata.name.unwrap_or_default(),
        cluster_ip: spec.cluster_ip.unwrap_or_default(),
        ports: spec.ports.into_iter().flatten().map(port).collect(),
    }
}

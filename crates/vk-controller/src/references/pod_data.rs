//! The cluster's data as one pod may see it.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use serde::Deserialize;
use tokio::sync::watch;
use vk_core::backoff::{Backoff, jittered};
use vk_core::record::PodSnapshot;
use vk_core::resolve::{Data, TokenRequest};
use vk_core::{Error, Result};
use vk_provider::{ClusterData, DataRef};

use super::References;
use super::followed::{State, Topic};
use super::token::{Tokens, refresh_in};

use std::time::Duration;

/// How long a start waits for the Services of its namespace to be listed.
const FIRST_LIST: Duration = Duration::from_secs(15);

/// Claims are read this often by those who follow them.
const CLAIM_POLL: Duration = Duration::from_secs(60);

pub(super) struct PodData {
    references: References,
    namespace: String,
    tokens: Tokens,
}

impl PodData {
    pub(super) fn new(references: References, pod: &PodSnapshot) -> Self {
        let tokens = Tokens {
            client: references.fetch.client(),
            key: pod.key.clone(),
            uid: pod.uid.clone(),
            service_account: service_account(pod),
        };
        Self { references, namespace: pod.key.namespace.to_string(), tokens }
    }

    async fn services(&self) -> Result<Option<Data>> {
        let topic = Topic::Services { namespace: self.namespace.clone() };
        let mut state = self.references.followed.subscribe(topic).await.ok_or_else(ended)?;
        let listed = |state: &State| matches!(state, Some(Ok(_)));
        if let Ok(known) = tokio::time::timeout(FIRST_LIST, state.wait_for(listed)).await {
            known.map_err(|_| ended())?;
        }
        let unlisted = || Err(Error::unavailable("the Services of the namespace could not be listed yet"));
        state.borrow().clone().unwrap_or_else(unlisted)
    }
}

impl ClusterData for PodData {
    fn get(&self, reference: DataRef) -> BoxFuture<'_, Result<Option<Data>>> {
        async move {
            let fetch = &self.references.fetch;
            match reference {
                DataRef::ConfigMap(name) => fetch.config_map(&self.namespace, &name).await,
                DataRef::Secret(name) => fetch.secret(&self.namespace, &name).await,
                DataRef::Claim(name) => fetch.claim(&self.namespace, &name).await,
                DataRef::Services => self.services().await,
                DataRef::Token(wanted) => Ok(self.tokens.request(&wanted).await?.map(|issued| issued.data)),
                other => Err(Error::internal(format!("{other} cannot be read"))),
            }
        }
        .boxed()
    }

    fn changes(&self, reference: DataRef) -> BoxStream<'static, Result<Option<Data>>> {
        let namespace = self.namespace.clone();
        match reference {
            DataRef::ConfigMap(name) => followed(&self.references, Topic::ConfigMap { namespace, name }),
            DataRef::Secret(name) => followed(&self.references, Topic::Secret { namespace, name }),
            DataRef::Services => followed(&self.references, Topic::Services { namespace }),
            DataRef::Claim(name) => claims(self.references.clone(), namespace, name),
            DataRef::Token(wanted) => tokens(self.references.clone(), self.tokens.clone(), wanted),
            other => stream::iter([Err(Error::internal(format!("{other} cannot be followed")))]).boxed(),
        }
    }
}

fn ended() -> Error {
    Error::unavailable("the agent is ending")
}

fn service_account(pod: &PodSnapshot) -> String {
    #[derive(Deserialize)]
    struct Slim {
        spec: SlimSpec,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct SlimSpec {
        service_account_name: Option<String>,
    }
    let slim: Option<Slim> = serde_json::from_slice(pod.raw.as_bytes()).ok();
    let named = slim.and_then(|slim| slim.spec.service_account_name).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| "default".to_owned())
}

/// Each known state of the topic, newest first to arrive.
fn followed(references: &References, topic: Topic) -> BoxStream<'static, Result<Option<Data>>> {
    let followed = references.followed.clone();
    let subscribed = async move { followed.subscribe(topic).await };
    subscribed.into_stream().flat_map(|receiver| stream::iter(receiver).flat_map(states)).boxed()
}

fn states(receiver: watch::Receiver<State>) -> BoxStream<'static, Result<Option<Data>>> {
    let next = |(mut receiver, first): (watch::Receiver<State>, bool)| async move {
        if !first {
            receiver.changed().await.ok()?;
        }
        let state = receiver.borrow_and_update().clone();
        Some((state, (receiver, false)))
    };
    stream::unfold((receiver, true), next).filter_map(std::future::ready).boxed()
}

fn claims(references: References, namespace: String, name: String) -> BoxStream<'static, Result<Option<Data>>> {
    let next = move |first: bool| {
        let (references, namespace, name) = (references.clone(), namespace.clone(), name.clone());
        async move {
            if !first {
                tokio::time::sleep(CLAIM_POLL).await;
            }
            Some((references.fetch.claim(&namespace, &name).await, false))
        }
    };
    stream::unfold(true, next).boxed()
}

/// A token now, and another one whenever the one before has aged.
fn tokens(references: References, tokens: Tokens, wanted: TokenRequest) -> BoxStream<'static, Result<Option<Data>>> {
    let env = references.env.clone();
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    let next = move |(delay, mut backoff): (Duration, Backoff)| {
        let (env, tokens, wanted) = (env.clone(), tokens.clone(), wanted.clone());
        async move {
            tokio::time::sleep(delay).await;
            let answer = tokens.request(&wanted).await;
            let delay = match &answer {
                Ok(Some(issued)) => {
                    backoff.reset();
                    // Pods that started together do not all come back at the same moment.
                    jittered(refresh_in(issued.life), 5, env.random().next_u64())
                }
                _ => Duration::from_millis(500) + backoff.next_delay(env.random().next_u64()),
            };
            Some((answer.map(|issued| issued.map(|issued| issued.data)), (delay, backoff)))
        }
    };
    stream::unfold((Duration::ZERO, backoff), next).boxed()
}

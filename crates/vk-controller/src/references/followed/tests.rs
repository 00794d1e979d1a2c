use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use vk_apiserver::{ApiServer, Identity, Options, VirtualClock};

use super::{Followed, Topic};
use crate::env::{Env, Random, Spawner};
use crate::references::fetch::Fetch;

struct Tokio;

impl Spawner for Tokio {
    #[expect(clippy::disallowed_methods, reason = "a test's own executor")]
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_first_answer_is_told_what_keeps_it() {
    let epoch = "2026-11-22T14:00:00Z".parse().unwrap();
    let server = ApiServer::new(Options::default(), VirtualClock::starting_at(epoch));
    let as_node = Client::new(server.service(Identity::node("vk")), "default");
    let as_admin = Client::new(server.service(Identity::admin()), "default");
    let secret: Secret = serde_json::from_value(json!({"metadata": {"name": "key"}, "data": {}})).unwrap();
    let secrets: Api<Secret> = Api::default_namespaced(as_admin.clone());
    secrets.create(&PostParams::default(), &secret).await.unwrap();

    let env = Env::new(Arc::new(move || epoch), Random::seeded(7), Arc::new(Tokio));
    let followed = Followed::new(as_node.clone(), Fetch::new(as_node), 10, env);
    let topic = Topic::Secret { namespace: "default".to_owned(), name: "key".to_owned() };
    let mut state = followed.subscribe(topic).await.unwrap();

    // No pod of this node names the Secret yet, so its node may not read it.
    let refused = state.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(refused.unwrap_err().message.contains("forbidden"));

    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "nodeName": "vk",
            "containers": [{"name": "app", "image": "app:1"}],
            "automountServiceAccountToken": false,
            "volumes": [{"name": "key", "secret": {"secretName": "key"}}],
        },
    }))
    .unwrap();
    let pods: Api<Pod> = Api::default_namespaced(as_admin);
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let known =
        tokio::time::timeout(Duration::from_secs(60), state.wait_for(|state| matches!(state, Some(Ok(Some(_))))));
    assert!(known.await.is_ok(), "it is read as soon as that is permitted");
}

//! ServiceAccount tokens and reviews.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenReview};
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SubjectAccessReview};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};
use vk_apiserver::{Identity, PolicyRule};

use crate::support::*;

async fn request(client: &Client, spec: Value) -> Result<TokenRequest, Error> {
    let request = serde_json::from_value(json!({"spec": spec})).unwrap();
    Api::<ServiceAccount>::default_namespaced(client.clone())
        .create_token_request("default", &PostParams::default(), &request)
        .await
}

async fn review(client: &Client, token: impl AsRef<str>) -> Value {
    let review: TokenReview = serde_json::from_value(json!({"spec": {"token": token.as_ref()}})).unwrap();
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    serde_json::to_value(answer.status).unwrap()
}

fn bound(uid: Option<&str>) -> Value {
    json!({"audiences": [], "expirationSeconds": 3607,
           "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid}})
}

#[test]
fn a_kubelet_gets_tokens_bound_to_its_pods_by_uid() {
    run(|| async {
        let server = server();
        let (client, kubelet) = (admin(&server), node(&server, "n"));
        let uid = create_pod(&client, "p", "n").await.metadata.uid.unwrap();
        let status = request(&kubelet, bound(Some(&uid))).await.unwrap().status.unwrap();
        assert_eq!(serde_json::to_value(&status.expiration_timestamp).unwrap(), "2026-11-22T15:00:07Z");
        let seen = review(&client, status.token.as_deref().unwrap()).await;
        assert_eq!(seen["user"]["username"], "system:serviceaccount:default:default");
        assert_eq!(seen["user"]["extra"]["authentication.kubernetes.io/pod-uid"], json!([uid]));
        pods(&client).delete("p", &grace(0)).await.unwrap();
        assert_eq!(
            review(&client, status.token.as_deref().unwrap()).await["error"],
            "service account token has been invalidated"
        );
    });
}

#[test]
fn what_a_kubelet_may_not_ask_for() {
    run(|| async {
        let server = server();
        let (client, kubelet) = (admin(&server), node(&server, "n"));
        assert_eq!(refusal(request(&kubelet, bound(Some("x"))).await), pair(403, "Forbidden"), "no pod, no account");
        let uid = create_pod(&client, "p", "n").await.metadata.uid.unwrap();
        assert_eq!(refusal(request(&kubelet, bound(None)).await), pair(403, "Forbidden"));
        assert_eq!(refusal(request(&kubelet, bound(Some("other"))).await), pair(403, "Forbidden"));
        assert_eq!(refusal(request(&client, bound(Some("other"))).await), pair(409, "Conflict"));
        let mut foreign = bound(Some(&uid));
        foreign["audiences"] = json!(["vault"]);
        assert!(message(request(&kubelet, foreign).await).contains("not found in pod spec volume"));
        assert_eq!(refusal(request(&kubelet, json!({"audiences": []})).await), pair(403, "Forbidden"));
        assert_eq!(
            refusal(request(&client, json!({"audiences": [], "expirationSeconds": 10})).await),
            pair(422, "Invalid")
        );
    });
}

#[test]
fn a_token_expires() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let token = request(&client, json!({"audiences": [], "expirationSeconds": 600}))
            .await
            .unwrap()
            .status
            .unwrap()
            .token
            .unwrap();
        assert_eq!(review(&client, &token).await["authenticated"], true);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(review(&client, &token).await["error"], "token has expired");
        assert_eq!(review(&client, "made-up").await["error"], "invalid bearer token");
    });
}

#[test]
fn a_service_account_may_do_what_its_rules_say_and_can_ask() {
    run(|| async {
        let server = server();
        create_pod(&admin(&server), "p", "n").await;
        server
            .grant("system:serviceaccount:default:agent", vec![PolicyRule::resources(&["get", "list"], "", &["pods"])]);
        let client = Client::new(server.service(Identity::service_account("default", "agent")), "default");
        pods(&client).get("p").await.unwrap();
        assert_eq!(
            message(patch_status(&client, "p", json!({})).await),
            r#"pods "p" is forbidden: User "system:serviceaccount:default:agent" cannot patch resource "pods/status" in API group "" in the namespace "default""#
        );
        let ask =
            |verb: &str| json!({"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default"}});
        for (verb, allowed) in [("get", true), ("delete", false)] {
            let own: SelfSubjectAccessReview = serde_json::from_value(json!({"spec": ask(verb)})).unwrap();
            let answer = Api::all(client.clone()).create(&PostParams::default(), &own).await.unwrap();
            assert_eq!(answer.status.unwrap().allowed, allowed, "{verb}");
            let mut spec = ask(verb);
            spec["user"] = "system:serviceaccount:default:agent".into();
            let other: SubjectAccessReview = serde_json::from_value(json!({"spec": spec})).unwrap();
            let answer = Api::all(admin(&server)).create(&PostParams::default(), &other).await.unwrap();
            assert_eq!(answer.status.unwrap().allowed, allowed, "{verb}");
        }
    });
}

//! Lists: selectors, pages, versions, metadata only.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, VersionMatch};
use serde_json::json;

use crate::support::*;

async fn three(client: &kube::Client) {
    for (name, node) in [("a", "n"), ("b", "m"), ("c", "n")] {
        create_pod(client, name, node).await;
    }
}

fn names(list: kube::api::ObjectList<Pod>) -> Vec<String> {
    list.items.into_iter().filter_map(|pod| pod.metadata.name).collect()
}

#[test]
fn fields_and_labels_select_and_unknown_fields_are_400() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        three(&client).await;
        let list = |fields: &str| {
            let (api, params) = (pods(&client), ListParams::default().fields(fields));
            async move { api.list(&params).await }
        };
        assert_eq!(names(list("spec.nodeName=n").await.unwrap()), ["a", "c"]);
        assert_eq!(names(list("spec.nodeName=n,metadata.name!=a").await.unwrap()), ["c"]);
        assert_eq!(names(list("status.phase=Running").await.unwrap()), Vec::<String>::new());
        assert_eq!(message(list("spec.colour=red").await), "field label not supported: spec.colour");
        let labels = ListParams::default().labels("none in (a,b)");
        assert_eq!(names(pods(&client).list(&labels).await.unwrap()), Vec::<String>::new());
        assert_eq!(refusal(pods(&client).list(&ListParams::default().labels("a b")).await).0, 400);
    });
}

#[test]
fn pages_show_one_snapshot() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        three(&client).await;
        let first = pods(&client).list(&ListParams::default().limit(2)).await.unwrap();
        let version = first.metadata.resource_version.clone();
        let token = first.metadata.continue_.clone().unwrap();
        assert_eq!(first.metadata.remaining_item_count, Some(1));
        assert_eq!(names(first), ["a", "b"]);
        pods(&client).delete("c", &grace(0)).await.unwrap();
        create_pod(&client, "d", "n").await;
        let second = pods(&client).list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
        assert_eq!(second.metadata.resource_version, version);
        assert_eq!(names(second), ["c"]);
        server.change(|kernel, _| kernel.compact());
        let gone = pods(&client).list(&ListParams::default().limit(2).continue_token(&token)).await;
        assert_eq!(refusal(gone), pair(410, "Expired"));
    });
}

#[test]
fn versions_are_exact_not_older_or_too_large() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "a", "n").await;
        let version = pods(&client).list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
        create_pod(&client, "b", "n").await;
        let exact = ListParams::default().at(&version).matching(VersionMatch::Exact);
        assert_eq!(names(pods(&client).list(&exact).await.unwrap()), ["a"]);
        let newer = ListParams::default().at(&version).matching(VersionMatch::NotOlderThan);
        assert_eq!(names(pods(&client).list(&newer).await.unwrap()), ["a", "b"]);
        let future = ListParams::default().at("99999").matching(VersionMatch::NotOlderThan);
        assert_eq!(refusal(pods(&client).list(&future).await), pair(504, "Timeout"));
    });
}

#[test]
fn metadata_alone_can_be_asked_for() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        three(&client).await;
        let list = pods(&client).list_metadata(&ListParams::default()).await.unwrap();
        assert_eq!(list.items.len(), 3);
        assert_eq!(pods(&client).get_metadata("a").await.unwrap().metadata.name.as_deref(), Some("a"));
    });
}

#[test]
fn events_of_one_group_are_seen_in_the_other() {
    run(|| async {
        use k8s_openapi::api::core::v1::Event as Core;
        use k8s_openapi::api::events::v1::Event as Group;
        let server = server();
        let client = admin(&server);
        let event: Core = serde_json::from_value(json!({
            "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
            "reason": "Started", "message": "text", "type": "Normal",
        }))
        .unwrap();
        Api::<Core>::default_namespaced(client.clone()).create(&Default::default(), &event).await.unwrap();
        let other = Api::<Group>::default_namespaced(client.clone());
        assert_eq!(other.get("e").await.unwrap().note.as_deref(), Some("text"));
        let of_pod = ListParams::default().fields("regarding.name=p");
        assert_eq!(other.list(&of_pod).await.unwrap().items.len(), 1);
    });
}

//! How pods and namespaces end.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;
use vk_apiserver::ChangeKind;

use crate::support::*;

#[test]
fn a_running_pod_waits_for_its_agent() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let created = create_pod(&client, "p", "n").await;
        pods(&client).delete("p", &DeleteParams::default()).await.unwrap();
        let deleting = pods(&client).get("p").await.unwrap().metadata;
        assert_eq!(deleting.deletion_grace_period_seconds, Some(30));
        assert_eq!(serde_json::to_value(deleting.deletion_timestamp).unwrap(), "2026-11-22T14:00:30Z");
        let preconditions = Some(Preconditions { uid: created.metadata.uid.clone(), resource_version: None });
        pods(&node(&server, "n")).delete("p", &DeleteParams { preconditions, ..grace(0) }).await.unwrap();
        assert_eq!(refusal(pods(&client).get("p").await), pair(404, "NotFound"));
    });
}

#[test]
fn a_user_delete_removes_a_finished_pod_at_once() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "p", "n").await;
        patch_status(&node(&server, "n"), "p", json!({"status": {"phase": "Succeeded"}})).await.unwrap();
        pods(&client).delete("p", &DeleteParams::default()).await.unwrap();
        assert!(pods(&client).get_opt("p").await.unwrap().is_none());
        let kinds: Vec<ChangeKind> =
            server.inspect(|kernel| kernel.changes("pods").map(|change| change.kind).collect());
        use ChangeKind::{Added, Deleted, Modified};
        assert_eq!(kinds, [Added, Modified, Modified, Deleted]);
    });
}

#[test]
fn a_finalizer_holds_a_released_pod_and_its_removal_ends_it() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let mut held = pod("p", "n");
        held.metadata.finalizers = Some(vec!["batch.kubernetes.io/job-tracking".into()]);
        pods(&client).create(&PostParams::default(), &held).await.unwrap();
        let released = pods(&client).delete("p", &grace(0)).await.unwrap().left().unwrap();
        assert_eq!(released.metadata.deletion_grace_period_seconds, Some(0));
        let again = pods(&client).delete("p", &grace(0)).await.unwrap().left().unwrap();
        assert_eq!(again.metadata.resource_version, released.metadata.resource_version, "a repetition writes nothing");
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        pods(&client).patch("p", &PatchParams::default(), &patch).await.unwrap();
        assert!(pods(&client).get_opt("p").await.unwrap().is_none());
    });
}

#[test]
fn preconditions_protect_the_successor() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "p", "n").await;
        let preconditions = Some(Preconditions { uid: Some("an-older-one".into()), resource_version: None });
        let refused = pods(&client).delete("p", &DeleteParams { preconditions, ..grace(0) }).await;
        assert_eq!(refusal(refused), pair(409, "Conflict"));
        assert!(pods(&client).get_opt("p").await.unwrap().is_some());
    });
}

#[test]
fn collections_are_deleted_by_selector_and_dry_runs_change_nothing() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        for (name, node) in [("a", "n"), ("b", "n"), ("c", "m")] {
            create_pod(&client, name, node).await;
        }
        let on_n = ListParams::default().fields("spec.nodeName=n");
        pods(&client).delete_collection(&grace(0).dry_run(), &on_n).await.unwrap();
        assert_eq!(pods(&client).list(&ListParams::default()).await.unwrap().items.len(), 3);
        pods(&client).delete_collection(&grace(0), &on_n).await.unwrap();
        let left: Vec<Option<String>> = pods(&client)
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .into_iter()
            .map(|pod| pod.metadata.name)
            .collect();
        assert_eq!(left, [Some("c".to_owned())]);
    });
}

#[test]
fn an_eviction_marks_the_pod_and_deletes_it() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "p", "n").await;
        patch_status(&client, "p", json!({"status": {"phase": "Running"}})).await.unwrap();
        pods(&client).evict("p", &EvictParams::default()).await.unwrap();
        let evicted = pods(&client).get("p").await.unwrap();
        assert!(evicted.metadata.deletion_timestamp.is_some());
        let conditions = evicted.status.unwrap().conditions.unwrap();
        assert!(conditions.iter().any(|condition| condition.type_ == "DisruptionTarget"));
    });
}

#[test]
fn a_namespace_ends_when_it_is_empty_and_takes_nothing_new() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let wanted = serde_json::from_value(json!({"metadata": {"name": "team"}})).unwrap();
        namespaces.create(&PostParams::default(), &wanted).await.unwrap();
        let inside: Api<Pod> = Api::namespaced(client.clone(), "team");
        inside.create(&PostParams::default(), &pod("p", "n")).await.unwrap();
        namespaces.delete("team", &DeleteParams::default()).await.unwrap();
        assert!(inside.get("p").await.unwrap().metadata.deletion_timestamp.is_some());
        let refused = inside.create(&PostParams::default(), &pod("q", "n")).await;
        assert!(message(refused).ends_with("because it is being terminated"));
        inside.delete("p", &grace(0)).await.unwrap();
        assert!(namespaces.get_opt("team").await.unwrap().is_none());
        assert_eq!(refusal(namespaces.delete("default", &DeleteParams::default()).await), pair(403, "Forbidden"));
    });
}

#[test]
fn dependents_go_with_their_owner() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let owner = create_pod(&client, "owner", "n").await;
        let mut child = pod("child", "n");
        child.metadata.owner_references = serde_json::from_value(json!([
            {"apiVersion": "v1", "kind": "Pod", "name": "owner", "uid": owner.metadata.uid},
        ]))
        .unwrap();
        pods(&client).create(&PostParams::default(), &child).await.unwrap();
        pods(&client).delete("owner", &grace(0)).await.unwrap();
        assert!(pods(&client).get("child").await.unwrap().metadata.deletion_timestamp.is_some());
    });
}

#[test]
fn a_claim_in_use_waits_for_its_pod() {
    run(|| async {
        use k8s_openapi::api::core::v1::PersistentVolumeClaim;
        let server = server();
        let client = admin(&server);
        let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
        let wanted = serde_json::from_value(json!({
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }))
        .unwrap();
        claims.create(&PostParams::default(), &wanted).await.unwrap();
        let spec = json!({
            "nodeName": "n", "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
        });
        pods(&client).create(&PostParams::default(), &pod_from("p", spec)).await.unwrap();
        claims.delete("data", &DeleteParams::default()).await.unwrap();
        assert!(claims.get("data").await.unwrap().metadata.deletion_timestamp.is_some());
        pods(&client).delete("p", &grace(0)).await.unwrap();
        assert!(claims.get_opt("data").await.unwrap().is_none());
    });
}

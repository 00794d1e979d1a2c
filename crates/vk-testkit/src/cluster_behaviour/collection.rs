//! The garbage collector of dependents, and the end of namespaces.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use serde_json::{Value, json};
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{DeleteParams, PropagationPolicy};

use super::site::{Site, create, is_deleting, read, release};
use crate::world::World;

/// A kind that has nothing to do with it.
struct Objects(Api<ConfigMap>);

impl Objects {
    async fn add(&self, name: &str, metadata: Value) -> Value {
        let mut object = json!({"metadata": {"name": name}});
        if let (Some(own), Value::Object(more)) = (object["metadata"].as_object_mut(), metadata) {
            own.extend(more);
        }
        create(&self.0, object).await
    }

    async fn get(&self, name: &str) -> Value {
        read(&self.0, name).await
    }

    #[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
    async fn delete(&self, name: &str, policy: PropagationPolicy) {
        let params = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
        self.0.delete(name, &params).await.expect("the deletion is taken");
    }
}

fn owner(object: &Value, blocks: bool) -> Value {
    let metadata = &object["metadata"];
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"],
        "blockOwnerDeletion": blocks,
    })
}

/// `propagationPolicy: Background`, through two generations.
pub async fn dependents_go_after_their_owner(world: &World) {
    let site = Site::new(world);
    let objects = Objects(site.api());
    let first = objects.add("owner", json!({})).await;
    let second = objects.add("child", json!({"ownerReferences": [owner(&first, true)]})).await;
    objects.add("grandchild", json!({"ownerReferences": [owner(&second, true)]})).await;
    let mut stranger = owner(&first, true);
    stranger["uid"] = "00000000-0000-0000-0000-000000000000".into();
    objects.add("child-of-another", json!({"ownerReferences": [stranger]})).await;
    objects.delete("owner", PropagationPolicy::Background).await;
    assert!(objects.get("owner").await.is_null(), "the owner goes at once");
    for name in ["child", "grandchild", "child-of-another"] {
        site.eventually(&format!("{name} goes"), async || objects.get(name).await.is_null()).await;
    }
}

/// `propagationPolicy: Foreground`: the owner is there until what blocks its deletion is gone.
pub async fn an_owner_deleted_in_the_foreground_waits_for_what_blocks_it(world: &World) {
    let site = Site::new(world);
    let objects = Objects(site.api());
    let first = objects.add("owner", json!({})).await;
    let held = |blocks| json!({"ownerReferences": [owner(&first, blocks)], "finalizers": ["example.com/held"]});
    objects.add("blocking", held(true)).await;
    objects.add("other", held(false)).await;
    objects.delete("owner", PropagationPolicy::Foreground).await;
    site.eventually("what blocks is deleted", async || is_deleting(&objects.get("blocking").await)).await;
    site.for_a_while("the owner waits", async || {
        let owner = objects.get("owner").await;
        is_deleting(&owner) && owner["metadata"]["finalizers"] == json!(["foregroundDeletion"])
    })
    .await;
    release(&objects.0, "blocking").await;
    site.eventually("what blocks is gone", async || objects.get("blocking").await.is_null()).await;
    site.eventually("the owner goes", async || objects.get("owner").await.is_null()).await;
    site.eventually("what does not block is deleted", async || is_deleting(&objects.get("other").await)).await;
    release(&objects.0, "other").await;
    site.eventually("it goes", async || objects.get("other").await.is_null()).await;
}

/// `propagationPolicy: Orphan`.
pub async fn orphaned_dependents_stay_without_an_owner(world: &World) {
    let site = Site::new(world);
    let objects = Objects(site.api());
    let first = objects.add("owner", json!({})).await;
    objects.add("child", json!({"ownerReferences": [owner(&first, true)]})).await;
    objects.delete("owner", PropagationPolicy::Orphan).await;
    site.eventually("the owner goes", async || objects.get("owner").await.is_null()).await;
    site.for_a_while("the child stays, and has no owner", async || {
        let child = objects.get("child").await;
        !child.is_null() && !is_deleting(&child) && child["metadata"]["ownerReferences"].is_null()
    })
    .await;
    objects.delete("child", PropagationPolicy::Background).await;
}

/// Whichever way its first owner is deleted.
pub async fn a_dependent_of_two_stays_with_the_other_owner(world: &World) {
    let site = Site::new(world);
    let objects = Objects(site.api());
    for (name, policy) in [("quick", PropagationPolicy::Background), ("slow", PropagationPolicy::Foreground)] {
        let first = objects.add(name, json!({})).await;
        let staying = objects.add(&format!("{name}-staying"), json!({})).await;
        let both = json!({"ownerReferences": [owner(&first, true), owner(&staying, true)]});
        let child = format!("{name}-child");
        objects.add(&child, both).await;
        objects.delete(name, policy).await;
        site.eventually("the child has one owner left", async || {
            objects.get(&child).await["metadata"]["ownerReferences"] == json!([owner(&staying, true)])
        })
        .await;
        site.eventually("the other is gone", async || objects.get(name).await.is_null()).await;
        assert!(!is_deleting(&objects.get(&child).await));
        objects.delete(&format!("{name}-staying"), PropagationPolicy::Background).await;
        site.eventually("then it goes as well", async || objects.get(&child).await.is_null()).await;
    }
}

/// A pod whose agent has not stopped it yet holds its namespace, and what else is in it: it may still need that.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
pub async fn a_namespace_goes_when_it_is_empty(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("keeper").await;
    let name = format!("{}-ending", world.namespace());
    let namespaces: Api<Namespace> = Api::all(world.admin());
    create(&namespaces, json!({"metadata": {"name": name}})).await;
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(world.admin(), &name);
    site.eventually("it takes pods", async || !read(&accounts, "default").await.is_null()).await;
    let pods: Api<Pod> = Api::namespaced(world.admin(), &name);
    let pod = json!({
        "metadata": {"name": "web"},
        "spec": {"nodeName": node, "containers": [{"name": "app", "image": "app:1"}]},
    });
    create(&pods, pod).await;
    let objects = Objects(Api::namespaced(world.admin(), &name));
    objects.add("settings", json!({})).await;
    site.while_alive(&[&node], async {
        namespaces.delete(&name, &DeleteParams::default()).await.expect("the deletion is taken");
        site.eventually("its pods are deleted", async || is_deleting(&read(&pods, "web").await)).await;
        let ending = read(&namespaces, &name).await;
        assert_eq!(ending["status"]["phase"], "Terminating");
        site.for_a_while("the pod holds it and what is in it", async || {
            is_deleting(&read(&namespaces, &name).await) && !is_deleting(&objects.get("settings").await)
        })
        .await;
        assert_eq!(objects.get("settings").await["metadata"]["name"], "settings");
        let by_force = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        pods.delete("web", &by_force).await.expect("the deletion is taken");
        site.eventually("it goes", async || read(&namespaces, &name).await.is_null()).await;
    })
    .await;
    site.remove_node(&node).await;
}

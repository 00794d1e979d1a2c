//! Jobs, whose pods' ends are written by hand.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use virtual_kubelet::kube::api::{DeleteParams, ListParams};

use super::site::{Site, condition, create, is_deleting, read};
use crate::world::World;

const TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// Creates the Job `work`, whose pods are bound to this node.
async fn add_job(site: &Site<'_>, node: &str, spec: Value) {
    let mut job = json!({
        "metadata": {"name": "work"},
        "spec": {"template": {"spec": {
            "nodeName": node, "restartPolicy": "Never", "automountServiceAccountToken": false,
            "containers": [{"name": "app", "image": "app:1"}],
        }}},
    });
    if let (Some(own), Value::Object(more)) = (job["spec"].as_object_mut(), spec) {
        own.extend(more);
    }
    create(&site.api::<Job>(), job).await;
}

async fn job(site: &Site<'_>) -> Value {
    read(&site.api::<Job>(), "work").await
}

/// Names of the Job's pods that have not ended and are not being deleted.
async fn active(site: &Site<'_>) -> Vec<String> {
    let params = ListParams::default().labels("batch.kubernetes.io/job-name=work");
    let pods = site.api::<Pod>().list(&params).await.map(|list| list.items).unwrap_or_default();
    let names = pods.into_iter().filter(|pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
    });
    names.filter_map(|pod| pod.metadata.name).collect()
}

/// Waits for the one active pod.
async fn the_active_one(site: &Site<'_>) -> String {
    let mut found = Vec::new();
    site.eventually("one pod is active", async || {
        found = active(site).await;
        found.len() == 1
    })
    .await;
    found.remove(0)
}

fn is_tracked(pod: &Value) -> bool {
    pod["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == TRACKING))
}

/// The success counts, then the pod is let go, then the Job is complete.
pub async fn a_job_is_complete_when_its_pod_has_succeeded(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("worker").await;
    site.while_alive(&[&node], async {
        add_job(&site, &node, json!({})).await;
        let pod = the_active_one(&site).await;
        let made = site.pod(&pod).await;
        assert!(is_tracked(&made), "{made}");
        let owner = &made["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["kind"], &owner["controller"]), (&json!("Job"), &json!(true)));
        site.write_status(&pod, json!({"phase": "Running"})).await;
        site.eventually("it is active", async || job(&site).await["status"]["active"] == 1).await;
        site.write_status(&pod, json!({"phase": "Succeeded"})).await;
        site.eventually("the job is complete", async || condition(&job(&site).await, "Complete")["status"] == "True")
            .await;
        let done = job(&site).await;
        assert_eq!(condition(&done, "Complete")["reason"], "CompletionsReached");
        assert_eq!(condition(&done, "SuccessCriteriaMet")["status"], "True");
        let status = &done["status"];
        assert_eq!((&status["succeeded"], &status["failed"]), (&json!(1), &Value::Null));
        assert!(status["completionTime"].is_string() && status["startTime"].is_string(), "{status}");
        assert!(!is_tracked(&site.pod(&pod).await));
        assert!(active(&site).await.is_empty());
    })
    .await;
    site.remove_node(&node).await;
}

/// `backoffLimit: 1`: a second pod, and no third.
pub async fn a_job_fails_when_its_pods_have_failed_too_often(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("worker").await;
    site.while_alive(&[&node], async {
        add_job(&site, &node, json!({"backoffLimit": 1})).await;
        let first = the_active_one(&site).await;
        site.write_status(&first, json!({"phase": "Failed"})).await;
        site.eventually("the failure counts", async || job(&site).await["status"]["failed"] == 1).await;
        let second = the_active_one(&site).await;
        assert_ne!(first, second);
        assert!(condition(&job(&site).await, "Failed").is_null());
        site.write_status(&second, json!({"phase": "Failed"})).await;
        site.eventually("the job has failed", async || condition(&job(&site).await, "Failed")["status"] == "True")
            .await;
        let done = job(&site).await;
        let why = condition(&done, "Failed");
        assert_eq!(why["reason"], "BackoffLimitExceeded");
        assert_eq!(why["message"], "Job has reached the specified backoff limit");
        assert_eq!(condition(&done, "FailureTarget")["status"], "True");
        assert_eq!((&done["status"]["failed"], &done["status"]["completionTime"]), (&json!(2), &Value::Null));
        for pod in [first, second] {
            assert!(!is_tracked(&site.pod(&pod).await), "{pod} is let go, and stays");
        }
        site.for_a_while("there is no third pod", async || active(&site).await.is_empty()).await;
    })
    .await;
    site.remove_node(&node).await;
}

/// Deletes a pod whose agent takes its time.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
async fn delete(site: &Site<'_>, pod: &str) {
    site.write_status(pod, json!({"phase": "Running"})).await;
    site.api::<Pod>().delete(pod, &DeleteParams::default()).await.expect("the deletion is taken");
}

/// `podReplacementPolicy: TerminatingOrFailed`, the default: the replacement runs beside the old pod.
pub async fn a_job_replaces_a_pod_that_is_being_deleted(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("worker").await;
    site.while_alive(&[&node], async {
        add_job(&site, &node, json!({})).await;
        let first = the_active_one(&site).await;
        delete(&site, &first).await;
        let second = the_active_one(&site).await;
        assert_ne!(first, second);
        let old = site.pod(&first).await;
        assert!(is_deleting(&old), "{old}");
        site.eventually("the deleted pod counts as failed", async || {
            let job = job(&site).await;
            job["status"]["failed"] == 1 && job["status"]["terminating"] == 1 && job["status"]["active"] == 1
        })
        .await;
        site.eventually("it is let go", async || !is_tracked(&site.pod(&first).await)).await;
    })
    .await;
    site.remove_node(&node).await;
}

/// `podReplacementPolicy: Failed`: never two at once.
pub async fn a_job_waits_for_the_end_of_a_pod_if_its_policy_says_so(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("worker").await;
    site.while_alive(&[&node], async {
        add_job(&site, &node, json!({"podReplacementPolicy": "Failed"})).await;
        let first = the_active_one(&site).await;
        delete(&site, &first).await;
        site.eventually("it is seen to terminate", async || job(&site).await["status"]["terminating"] == 1).await;
        site.for_a_while("there is no other pod", async || active(&site).await.is_empty()).await;
        assert!(job(&site).await["status"]["failed"].is_null(), "it has not failed yet");
        assert!(is_tracked(&site.pod(&first).await));
        site.write_status(&first, json!({"phase": "Failed"})).await;
        let second = the_active_one(&site).await;
        assert_ne!(first, second);
        site.eventually("the end counts", async || job(&site).await["status"]["failed"] == 1).await;
    })
    .await;
    site.remove_node(&node).await;
}

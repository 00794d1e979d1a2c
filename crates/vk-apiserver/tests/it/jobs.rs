//! The Job controller, where it is switched on.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, PostParams, PropagationPolicy};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use vk_apiserver::{ApiServer, Options};

use crate::support::*;

fn server_with_jobs() -> ApiServer {
    let mut options = Options::default();
    options.controllers.jobs = true;
    server_with(options)
}

fn jobs(client: &Client) -> Api<Job> {
    Api::default_namespaced(client.clone())
}

async fn create_job(client: &Client, spec: Value) {
    let mut job = json!({
        "metadata": {"name": "j"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never", "nodeName": "n", "containers": [{"name": "c", "image": "i:1"}],
        }}},
    });
    job["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    jobs(client).create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
}

async fn status(client: &Client) -> Value {
    serde_json::to_value(jobs(client).get("j").await.unwrap().status.unwrap()).unwrap()
}

/// The conditions that hold, in their order.
async fn conditions(client: &Client) -> Vec<String> {
    let status = status(client).await;
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().map(|condition| condition["type"].as_str().unwrap().to_owned()).collect()
}

/// Pods that have not ended and are not being deleted.
async fn active(client: &Client) -> Vec<Pod> {
    let ended = |pod: &Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed")) || pod.metadata.deletion_timestamp.is_some()
    };
    pods(client).list(&ListParams::default()).await.unwrap().items.into_iter().filter(|pod| !ended(pod)).collect()
}

/// Ends the one active pod; answers with its name.
async fn end(client: &Client, phase: &str) -> String {
    let [pod] = active(client).await.try_into().unwrap();
    let name = pod.name_any();
    let state = json!({"terminated": {"exitCode": 1, "finishedAt": "2026-11-22T14:00:00Z"}});
    let container =
        json!({"name": "c", "ready": false, "restartCount": 0, "image": "i:1", "imageID": "", "state": state});
    let patch = json!({"status": {"phase": phase, "containerStatuses": [container]}});
    patch_status(client, &name, patch).await.unwrap();
    name
}

#[test]
fn pods_are_made_one_after_another_and_counted_until_the_job_is_complete() {
    run(|| async {
        let server = server_with_jobs();
        let client = admin(&server);
        create_job(&client, json!({"completions": 2, "parallelism": 1})).await;
        let [pod] = active(&client).await.try_into().unwrap();
        assert!(pod.name_any().starts_with("j-"));
        assert_eq!(pod.metadata.finalizers, Some(vec!["batch.kubernetes.io/job-tracking".to_owned()]));
        assert_eq!(pod.labels()["batch.kubernetes.io/job-name"], "j");
        assert_eq!(status(&client).await["active"], 1);
        let first = end(&client, "Succeeded").await;
        assert_eq!(pods(&client).get(&first).await.unwrap().metadata.finalizers, None);
        assert_eq!(status(&client).await["succeeded"], 1);
        let second = end(&client, "Succeeded").await;
        assert_ne!(first, second);
        let status = status(&client).await;
        assert_eq!((&status["succeeded"], &status["active"]), (&json!(2), &Value::Null));
        assert!(status["completionTime"].is_string());
        assert_eq!(conditions(&client).await, ["SuccessCriteriaMet", "Complete"]);
        assert_eq!(active(&client).await.len(), 0);
    });
}

#[test]
fn the_status_names_a_pod_before_its_finalizer_goes_and_counts_it_after() {
    run(|| async {
        let server = server_with_jobs();
        let client = admin(&server);
        create_job(&client, json!({})).await;
        let before = server.inspect(|kernel| kernel.revision());
        let name = end(&client, "Succeeded").await;
        let uid = pods(&client).get(&name).await.unwrap().uid().unwrap();
        let seen: Vec<String> = server.inspect(|kernel| {
            let mut writes: Vec<(u64, String)> = Vec::new();
            for change in kernel.changes("jobs.batch").filter(|change| change.revision > before) {
                let named = change.object.items("/status/uncountedTerminatedPods/succeeded").contains(&json!(uid));
                let counted = change.object.integer("/status/succeeded").unwrap_or_default();
                writes.push((change.revision, format!("job named={named} counted={counted}")));
            }
            for change in kernel.changes("pods").filter(|change| change.revision > before) {
                writes.push((change.revision, format!("pod held={}", !change.object.finalizers().is_empty())));
            }
            writes.sort();
            writes.into_iter().map(|(_, told)| told).collect()
        });
        let told: Vec<&str> = seen.iter().map(String::as_str).collect();
        assert_eq!(
            told.get(..4),
            Some(&["pod held=true", "job named=true counted=0", "pod held=false", "job named=false counted=1"][..])
        );
    });
}

#[test]
fn failed_pods_are_replaced_after_a_while_until_there_are_too_many() {
    run(|| async {
        let server = server_with_jobs();
        let client = admin(&server);
        create_job(&client, json!({"backoffLimit": 1})).await;
        end(&client, "Failed").await;
        assert_eq!(status(&client).await["failed"], 1);
        assert_eq!(active(&client).await.len(), 0, "not at once");
        let background = server.clone().background();
        let life = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            end(&client, "Failed").await;
            assert_eq!(conditions(&client).await, ["FailureTarget", "Failed"]);
            assert_eq!(status(&client).await["conditions"][1]["reason"], "BackoffLimitExceeded");
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert_eq!(active(&client).await.len(), 0);
        };
        tokio::select! {
            biased;
            () = life => {}
            () = background => {}
        }
    });
}

#[test]
fn a_pod_that_is_being_deleted_is_replaced_at_once_or_after_its_end() {
    for (policy, at_once) in [("TerminatingOrFailed", 1), ("Failed", 0)] {
        run(|| async {
            let server = server_with_jobs();
            let client = admin(&server);
            create_job(&client, json!({"podReplacementPolicy": policy})).await;
            let name = active(&client).await[0].name_any();
            pods(&client).delete(&name, &DeleteParams::default()).await.unwrap();
            server.change(|_, _| ());
            let background = server.clone().background();
            let life = async {
                // Longer than the pause after a failure, which a deletion can be.
                tokio::time::sleep(Duration::from_secs(60)).await;
                assert_eq!(active(&client).await.len(), at_once, "{policy}");
                if at_once == 0 {
                    assert_eq!(status(&client).await["terminating"], 1);
                    patch_status(&client, &name, json!({"status": {"phase": "Failed"}})).await.unwrap();
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    assert_eq!(active(&client).await.len(), 1, "{policy}");
                }
            };
            tokio::select! {
                biased;
                () = life => {}
                () = background => {}
            }
        });
    }
}

#[test]
fn a_job_past_its_deadline_fails_and_takes_its_pods_with_it() {
    run(|| async {
        let server = server_with_jobs();
        let client = admin(&server);
        create_job(&client, json!({"activeDeadlineSeconds": 30})).await;
        let name = active(&client).await[0].name_any();
        let background = server.clone().background();
        let life = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            assert_eq!(conditions(&client).await, ["FailureTarget"], "a pod is still there");
            assert!(pods(&client).get(&name).await.unwrap().metadata.deletion_timestamp.is_some());
            pods(&client).delete(&name, &grace(0)).await.unwrap();
            assert_eq!(conditions(&client).await, ["FailureTarget", "Failed"]);
        };
        tokio::select! {
            biased;
            () = life => {}
            () = background => {}
        }
    });
}

#[test]
fn a_deleted_job_leaves_no_pod_behind_that_waits_to_be_counted() {
    run(|| async {
        let server = server_with_jobs();
        let client = admin(&server);
        create_job(&client, json!({})).await;
        let name = active(&client).await[0].name_any();
        let background =
            DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
        jobs(&client).delete("j", &background).await.unwrap();
        let pod = pods(&client).get(&name).await.unwrap();
        assert!(pod.metadata.deletion_timestamp.is_some());
        assert_eq!(pod.metadata.finalizers, None);
        pods(&client).delete(&name, &grace(0)).await.unwrap();
        assert!(pods(&client).get_opt(&name).await.unwrap().is_none());
    });
}

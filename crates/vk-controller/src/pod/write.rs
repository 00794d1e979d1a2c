//! Carrying out the machine's API writes. What an answer means is read in `vk-core`.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use http::{Method, Request, header};
use kube::Client;
use kube::core::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vk_core::machine::{Refusal, Write, WriteOutcome};
use vk_core::record::PodSnapshot;
use vk_core::status::{Phase, StatusInput, StatusPlan, plan};
use vk_core::support::SupportTable;
use vk_core::{PodKey, PodUid};

use super::basis::OwnedBasis;

/// A write that takes longer may or may not have been taken; the next one finds out.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers carry metadata only: the pod itself is not sent back.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Writes about the pods of one node.
#[derive(Clone)]
pub(super) struct PodWriter {
    client: Client,
    node_name: String,
    runs_ephemeral_containers: bool,
}

#[derive(Deserialize)]
struct Partial {
    metadata: PartialMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialMeta {
    uid: Option<String>,
    resource_version: Option<String>,
}

/// Nothing but a list proves that something is absent: a proxy's own page may be JSON as well.
#[derive(Deserialize)]
#[serde(try_from = "ListBody")]
struct PartialList {
    uids: Vec<PodUid>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListBody {
    kind: String,
    metadata: ListMeta,
    /// The API server answers `null`, not an empty array, where no object's metadata is to be told.
    items: Option<Vec<Partial>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
}

impl TryFrom<ListBody> for PartialList {
    type Error = String;

    fn try_from(body: ListBody) -> Result<Self, String> {
        let ListBody { kind, metadata, items } = body;
        if !kind.ends_with("List") || metadata.resource_version.is_empty() {
            return Err(format!("the answer is a {kind:?}, and no list of pods"));
        }
        let uid = |item: Partial| item.metadata.uid.map(PodUid::from).ok_or("an item of the list has no UID");
        let uids = items.into_iter().flatten().map(uid).collect::<Result<_, _>>()?;
        Ok(Self { uids })
    }
}

impl PodWriter {
    pub(super) fn new(client: Client, node_name: String, support: &SupportTable) -> Self {
        Self { client, node_name, runs_ephemeral_containers: support.has_ephemeral_containers() }
    }

    /// Carries out one write.
    pub(super) async fn carry_out(&self, write: Write, pod: &PodSnapshot, basis: OwnedBasis) -> WriteOutcome {
        let attempt = async {
            match write {
                Write::Status => self.patch_status(pod, basis).await,
                Write::Delete => self.delete(pod).await,
                Write::ProveAbsence => self.prove_absence(pod).await,
            }
        };
        // A defect of ours ends this write, and neither the pod's next one nor anybody else's.
        let attempt = AssertUnwindSafe(attempt).catch_unwind();
        let result = match tokio::time::timeout(PATIENCE, attempt).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => return WriteOutcome::Refused { message: "the status could not be computed".to_owned() },
            Err(_) => return failed(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        result.unwrap_or_else(|error| outcome_of(write, error))
    }

    async fn patch_status(&self, pod: &PodSnapshot, basis: OwnedBasis) -> kube::Result<WriteOutcome> {
        let decoded = match pod.raw.decode() {
            Ok(decoded) => decoded,
            Err(error) => return Ok(WriteOutcome::Refused { message: error.to_string() }),
        };
        let input = StatusInput {
            observation: basis.observation.as_ref(),
            verdict: &basis.verdict,
            now: basis.now,
            node_ips: &basis.node_ips,
            start_time: basis.start_time,
            annotations: &basis.annotations,
            told: &basis.told,
            resize_deferred: basis.resize_deferred,
            answered_generation: basis.answered_generation,
            runs_ephemeral_containers: self.runs_ephemeral_containers,
        };
        match plan(&decoded, &input) {
            StatusPlan::Unchanged { phase } => Ok(WriteOutcome::Unchanged { phase }),
            StatusPlan::Patch { cosmetic: true, .. } if !basis.may_reword => {
                let written = decoded.status.and_then(|status| status.phase).unwrap_or_default();
                Ok(WriteOutcome::OnlyWords { phase: Phase::parse(&written) })
            }
            StatusPlan::Patch { body, phase, cosmetic } => {
                let path = format!("{}/status?fieldManager=virtual-kubelet", path_of(&pod.key));
                let written: Partial = self
                    .request(Method::PATCH, path, METADATA_ONLY, "application/strategic-merge-patch+json", &body)
                    .await?;
                let resource_version = written.metadata.resource_version.unwrap_or_default();
                Ok(match cosmetic {
                    true => WriteOutcome::Reworded { phase, resource_version },
                    false => WriteOutcome::Applied { phase, resource_version },
                })
            }
        }
    }

    async fn delete(&self, pod: &PodSnapshot) -> kube::Result<WriteOutcome> {
        let options = serde_json::json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": pod.uid.as_str()},
        });
        let path = path_of(&pod.key);
        let _deleted: serde::de::IgnoredAny =
            self.request(Method::DELETE, path, METADATA_ONLY, "application/json", &options).await?;
        Ok(WriteOutcome::Deleted)
    }

    async fn prove_absence(&self, pod: &PodSnapshot) -> kube::Result<WriteOutcome> {
        let selector = format!("metadata.name={},spec.nodeName={}", pod.key.name, self.node_name);
        let path = format!("/api/v1/namespaces/{}/pods?fieldSelector={}", pod.key.namespace, encode(&selector));
        let present = self.uids(path).await?;
        Ok(if present.contains(&pod.uid) { WriteOutcome::StillThere } else { WriteOutcome::Absent })
    }

    /// Every UID on our node, by a quorum list.
    pub(super) async fn uids_on_our_node(&self) -> Result<Vec<PodUid>, String> {
        let selector = format!("spec.nodeName={}", self.node_name);
        let uids = self.uids(format!("/api/v1/pods?fieldSelector={}", encode(&selector)));
        match tokio::time::timeout(PATIENCE, uids).await {
            Ok(uids) => uids.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// A list without resourceVersion is answered from a quorum of the store, not from a cache.
    async fn uids(&self, path: String) -> kube::Result<Vec<PodUid>> {
        let list: PartialList = self.request(Method::GET, path, METADATA_LIST, "application/json", &()).await?;
        Ok(list.uids)
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        accept: &str,
        content_type: &str,
        body: &impl serde::Serialize,
    ) -> kube::Result<T> {
        let bytes = if method == Method::GET {
            Vec::new()
        } else {
            serde_json::to_vec(body).map_err(kube::Error::SerdeError)?
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, content_type)
            .body(bytes)
            .map_err(kube::Error::HttpError)?;
        self.client.request(request).await
    }
}

fn path_of(key: &PodKey) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", key.namespace, key.name)
}

/// Names and selectors hold nothing but `=`, `,` and DNS characters.
fn encode(selector: &str) -> String {
    selector.replace('=', "%3D").replace(',', "%2C")
}

fn failed(message: String) -> WriteOutcome {
    WriteOutcome::Failed { message, retry_after: None }
}

fn outcome_of(write: Write, error: kube::Error) -> WriteOutcome {
    match error {
        kube::Error::Api(status) => WriteOutcome::of_refusal(write, refusal(*status)),
        error => failed(error.to_string()),
    }
}

fn refusal(status: Status) -> Refusal {
    let seconds = status.details.as_ref().map_or(0, |details| u64::from(details.retry_after_seconds));
    let causes = status.details.into_iter().flat_map(|details| details.causes);
    Refusal {
        code: status.code,
        message: status.message,
        fields: causes.map(|cause| cause.field).collect(),
        retry_after: (seconds > 0).then(|| Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Kubernetes 1.36 answers.
    #[test]
    fn a_metadata_list_without_objects_is_read() {
        let answer = r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"1528"},"items":null}"#;
        let list: PartialList = serde_json::from_str(answer).unwrap();
        assert!(list.uids.is_empty());
    }

    /// A proxy's page, with status 200, proved that every pod was gone.
    #[test]
    fn what_is_no_list_proves_no_absence() {
        for answer in [
            "{}",
            r#"{"status":"ok","items":null}"#,
            r#"{"kind":"Status","apiVersion":"v1","metadata":{"resourceVersion":"7"},"status":"Success"}"#,
            r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{}}"#,
            r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}}]}"#,
        ] {
            assert!(serde_json::from_str::<PartialList>(answer).is_err(), "{answer}");
        }
        let answer = r#"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"uid":"u1"}}]}"#;
        assert_eq!(serde_json::from_str::<PartialList>(answer).unwrap().uids, [PodUid::from("u1")]);
    }
}

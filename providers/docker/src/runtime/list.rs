//! Listing: everything with this owner's labels, each container looked at.

use std::collections::BTreeMap;

use bollard::Docker;
use bollard::query_parameters::ListContainersOptionsBuilder;
use futures::{StreamExt, TryStreamExt, stream};
use vk_core::{PodUid, Result};
use vk_pod_engine::runtime::{RuntimePod, Scope};

use super::inspect;
use crate::connection::{read_error, status_of};
use crate::labels::{Labelled, Owner};

/// Containers that are looked at at the same time.
const INSPECTIONS: usize = 8;

/// Everything of this owner, or of one of its pods.
///
/// A container that cannot be looked at fails the whole list: what is unknown is not absent (invariant 2).
pub(super) async fn list(docker: &Docker, owner: &Owner, scope: &Scope) -> Result<Vec<RuntimePod>> {
    let uid = match scope {
        Scope::All => None,
        Scope::Pod(uid) => Some(uid.as_str()),
    };
    let options = ListContainersOptionsBuilder::default().all(true).filters(&owner.filter(uid)).build();
    let listed = docker.list_containers(Some(options)).await.map_err(read_error)?;
    let ours = listed.into_iter().filter_map(|summary| {
        let labelled = owner.read(&summary.labels.unwrap_or_default())?;
        Some((summary.id?, labelled))
    });
    let looked_at: Vec<_> = stream::iter(ours)
        .map(|(id, labelled)| async move {
            match docker.inspect_container(&id, None).await {
                Ok(found) => Ok(Some((labelled, found))),
                Err(error) if status_of(&error) == Some(404) => Ok(None),
                Err(error) => Err(read_error(error)),
            }
        })
        .buffered(INSPECTIONS)
        .try_collect()
        .await?;
    let mut pods: BTreeMap<PodUid, RuntimePod> = BTreeMap::new();
    for (labelled, found) in looked_at.into_iter().flatten() {
        match labelled {
            Labelled::Sandbox { pod, attempt } => {
                let entry = pods.entry(pod.uid.clone()).or_insert_with(|| RuntimePod::empty(pod));
                entry.sandboxes.extend(inspect::sandbox(&found, attempt));
            }
            Labelled::Container { identity, image, message_from_log } => {
                let pod = identity.pod.clone();
                let entry = pods.entry(pod.uid.clone()).or_insert_with(|| RuntimePod::empty(pod));
                entry.containers.extend(inspect::container(&found, identity, image, message_from_log));
            }
        }
    }
    Ok(pods.into_values().filter(|pod| !pod.is_empty()).collect())
}

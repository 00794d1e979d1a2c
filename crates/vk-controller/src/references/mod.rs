//! What pods refer to: ConfigMaps, Secrets, Services, claims and tokens, and nothing else (invariant 10).
//!
//! One object is read by name and watched by name, as the node authorizer permits. Watches are shared by the pods that refer
//! to the same object, end soon after the last of them, and are capped: beyond the cap objects are polled.

mod fetch;
mod followed;
mod pod_data;
mod token;

use std::sync::Arc;

use kube::Client;
use vk_core::record::PodSnapshot;
use vk_provider::ClusterData;

use crate::env::Env;
use fetch::Fetch;
use followed::Followed;
use pod_data::PodData;

/// Reads what the pods of one node refer to. Cheap to clone.
#[derive(Clone)]
pub struct References {
    fetch: Fetch,
    followed: Followed,
    env: Env,
}

impl References {
    /// References read with this client, over at most `most_watches` watches at once.
    pub fn new(client: Client, most_watches: usize, env: Env) -> Self {
        let fetch = Fetch::new(client.clone());
        let followed = Followed::new(client, fetch.clone(), most_watches, env.clone());
        Self { fetch, followed, env }
    }

    /// The data of one pod.
    pub fn for_pod(&self, pod: &PodSnapshot) -> Arc<dyn ClusterData> {
        Arc::new(PodData::new(self.clone(), pod))
    }
}

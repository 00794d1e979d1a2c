//! Reading one object now.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use vk_core::resolve::Data;
use vk_core::{Error, Result};

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Reads objects by name.
#[derive(Clone)]
pub(super) struct Fetch {
    client: Client,
}

impl Fetch {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<Data>> {
        let object: Option<ConfigMap> = get(&Api::namespaced(self.client.clone(), namespace), name).await?;
        Ok(object.map(config_map_data))
    }

    pub(super) async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Data>> {
        let object: Option<Secret> = get(&Api::namespaced(self.client.clone(), namespace), name).await?;
        Ok(object.map(secret_data))
    }

    /// The claim and its volume. A claim that is not bound yet is an error that waits, not an absent one.
    pub(super) async fn claim(&self, namespace: &str, name: &str) -> Result<Option<Data>> {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
        let Some(claim) = get(&claims, name).await? else { return Ok(None) };
        let volume_name = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap_or_default();
        let not_bound = || {
            let reference = format!("persistentvolumeclaim {name:?}");
            Error::unresolved(reference, "it is not bound to a volume yet")
        };
        if volume_name.is_empty() {
            return Err(not_bound());
        }
        let volumes: Api<PersistentVolume> = Api::all(self.client.clone());
        let volume = get(&volumes, &volume_name).await?.ok_or_else(not_bound)?;
        Ok(Some(Data::Claim { claim: Arc::new(claim), volume: Arc::new(volume) }))
    }
}

/// `None` only if the server says 404: any other refusal says nothing about the object (invariant 2).
pub(super) async fn get<K: Clone + DeserializeOwned + std::fmt::Debug>(api: &Api<K>, name: &str) -> Result<Option<K>> {
    match tokio::time::timeout(PATIENCE, api.get_opt(name)).await {
        Ok(answer) => answer.map_err(|error| unavailable(&error)),
        Err(_) => Err(Error::unavailable(format!("the API server did not answer within {} s", PATIENCE.as_secs()))),
    }
}

pub(super) fn unavailable(error: &kube::Error) -> Error {
    match error {
        kube::Error::Api(status) => Error::unavailable(format!("the API server answers: {}", status.message)),
        error => Error::unavailable(error.to_string()),
    }
}

pub(super) fn config_map_data(object: ConfigMap) -> Data {
    Data::ConfigMap(Arc::new(object.into()))
}

pub(super) fn secret_data(object: Secret) -> Data {
    Data::Secret(Arc::new(object.into()))
}

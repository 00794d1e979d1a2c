//! Bound service account tokens (KEP-1205), by TokenRequest.

use std::time::Duration;

use http::{Request, header};
use jiff::Timestamp;
use kube::Client;
use serde::Deserialize;
use vk_core::resolve::{Data, TokenRequest};
use vk_core::resolved::SecretString;
use vk_core::{Error, PodKey, PodUid, Result};

use super::fetch::unavailable;

const PATIENCE: Duration = Duration::from_secs(15);

/// A token is replaced after 80 % of its life, or after a day, whichever comes first.
const LONGEST_USE: Duration = Duration::from_secs(24 * 3600);

/// Asks for tokens in the name of one pod.
#[derive(Clone)]
pub(super) struct Tokens {
    pub(super) client: Client,
    pub(super) key: PodKey,
    pub(super) uid: PodUid,
    pub(super) service_account: String,
}

/// The part of a `TokenRequest` that is read back.
#[derive(Deserialize)]
struct Granted {
    status: GrantedStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrantedStatus {
    token: String,
    expiration_timestamp: Timestamp,
}

impl Tokens {
    /// A new token, bound to the pod. `None` if the service account does not exist.
    pub(super) async fn request(&self, wanted: &TokenRequest) -> Result<Option<Data>> {
        let body = serde_json::to_vec(&self.body(wanted)).map_err(|error| Error::internal(error.to_string()))?;
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", self.key.namespace, self.service_account);
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| Error::internal(error.to_string()))?;
        match tokio::time::timeout(PATIENCE, self.client.request::<Granted>(request)).await {
            Ok(Ok(Granted { status })) => {
                let token = SecretString::new(status.token);
                Ok(Some(Data::Token { token, expires_at: status.expiration_timestamp }))
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(None),
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(_) => Err(Error::unavailable("the API server did not answer in time")),
        }
    }

    fn body(&self, wanted: &TokenRequest) -> serde_json::Value {
        let audiences: Vec<&str> =
            Some(wanted.audience.as_str()).filter(|audience| !audience.is_empty()).into_iter().collect();
        serde_json::json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": audiences,
                // Verbatim: 3607 asks the server for the extended lifetime.
                "expirationSeconds": wanted.expiration_seconds,
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": self.key.name,
                    "uid": self.uid,
                },
            },
        })
    }
}

/// When a token obtained at `obtained` is to be replaced.
pub(super) fn refresh_in(obtained: Timestamp, expires_at: Timestamp) -> Duration {
    let life = Duration::try_from(expires_at.duration_since(obtained)).unwrap_or_default();
    (life * 4 / 5).min(LONGEST_USE).max(Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_at_four_fifths_of_its_life_or_after_a_day() {
        let obtained = Timestamp::UNIX_EPOCH;
        let after = |seconds| refresh_in(obtained, Timestamp::from_second(seconds).unwrap());
        assert_eq!(after(3600), Duration::from_secs(2880));
        assert_eq!(after(365 * 24 * 3600), LONGEST_USE);
        assert_eq!(after(-5), Duration::from_secs(10));
    }
}

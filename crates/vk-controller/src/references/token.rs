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

/// No server issues a token for less than ten minutes.
const SHORTEST_USE: Duration = Duration::from_secs(60);

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
    #[serde(default)]
    spec: GrantedSpec,
    status: GrantedStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct GrantedSpec {
    expiration_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrantedStatus {
    token: String,
    expiration_timestamp: Timestamp,
}

/// A token that the API server has issued.
pub(super) struct Issued {
    pub(super) data: Data,
    /// How long it lives, by the server's own count: whatever the clocks say.
    pub(super) life: Duration,
}

impl Tokens {
    /// A new token, bound to the pod. `None` if the service account does not exist.
    pub(super) async fn request(&self, wanted: &TokenRequest) -> Result<Option<Issued>> {
        let body = serde_json::to_vec(&self.body(wanted)).map_err(|error| Error::internal(error.to_string()))?;
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", self.key.namespace, self.service_account);
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| Error::internal(error.to_string()))?;
        match tokio::time::timeout(PATIENCE, self.client.request::<Granted>(request)).await {
            Ok(Ok(Granted { spec, status })) => {
                let token = SecretString::new(status.token);
                let data = Data::Token { token, expires_at: status.expiration_timestamp };
                Ok(Some(Issued { data, life: Duration::from_secs(spec.expiration_seconds) }))
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

/// How long a token that lives this long is used.
///
/// Counted from its life and not from `expirationTimestamp`: an agent whose clock is ahead by more than that would ask for
/// another one at once, for ever.
pub(super) fn refresh_in(life: Duration) -> Duration {
    (life.min(LONGEST_USE * 2) * 4 / 5).clamp(SHORTEST_USE, LONGEST_USE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_at_four_fifths_of_its_life_or_after_a_day() {
        let after = |seconds| refresh_in(Duration::from_secs(seconds));
        assert_eq!(after(3600), Duration::from_secs(2880));
        assert_eq!(after(365 * 24 * 3600), LONGEST_USE);
        assert_eq!(after(u64::MAX), LONGEST_USE);
    }

    #[test]
    fn a_life_of_nothing_makes_no_tight_loop() {
        assert_eq!(refresh_in(Duration::ZERO), SHORTEST_USE);
    }
}

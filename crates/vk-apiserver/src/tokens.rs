//! Tokens that were issued to ServiceAccounts. They look like JWTs, but only this table proves them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::random::Entropy;
use crate::storage::Storage;

/// The object whose life a token shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoundObject {
    pub(crate) storage: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuedToken {
    /// The claim `jti`.
    pub(crate) id: String,
    pub(crate) namespace: String,
    pub(crate) account: String,
    pub(crate) account_uid: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) bound: Option<BoundObject>,
    pub(crate) expires: Timestamp,
}

impl IssuedToken {
    /// The user name of the account.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.account)
    }

    /// The groups of the account.
    pub(crate) fn groups(&self) -> Vec<String> {
        vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{}", self.namespace),
            "system:authenticated".to_owned(),
        ]
    }

    fn claims(&self, now: Timestamp) -> Value {
        let mut claims = json!({
            "aud": self.audiences,
            "exp": self.expires.as_second(),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "iss": "https://kubernetes.default.svc.cluster.local",
            "jti": self.id,
            "sub": self.user(),
            "kubernetes.io": {
                "namespace": self.namespace,
                "serviceaccount": {"name": self.account, "uid": self.account_uid},
            },
        });
        if let Some(bound) = &self.bound {
            let kind = bound.storage.trim_end_matches('s');
            claims["kubernetes.io"][kind] = json!({"name": bound.name, "uid": bound.uid});
        }
        claims
    }
}

/// All tokens that have not expired.
#[derive(Debug, Default)]
pub(crate) struct TokenStore {
    issued: BTreeMap<String, IssuedToken>,
}

impl TokenStore {
    /// Makes a token and remembers it; forgets what has expired.
    pub(crate) fn issue(&mut self, entropy: &mut Entropy, now: Timestamp, token: IssuedToken) -> String {
        self.issued.retain(|_, token| token.expires > now);
        let header = json!({"alg": "RS256", "kid": "in-process"});
        let claims = token.claims(now);
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signature = URL_SAFE_NO_PAD.encode(entropy.hex(4));
        let text = format!("{}.{}.{signature}", encode(&header), encode(&claims));
        self.issued.insert(text.clone(), token);
        text
    }

    /// What a token says, while it has not expired and its account and bound object are the same that they were.
    pub(crate) fn verify(&self, text: &str, storage: &Storage, now: Timestamp) -> Result<&IssuedToken, &'static str> {
        let token = self.issued.get(text).ok_or("invalid bearer token")?;
        if token.expires <= now {
            return Err("token has expired");
        }
        let alive = |storage_name: &str, namespace: &str, name: &str, uid: &str| {
            storage.find(storage_name, namespace, name).is_some_and(|object| object.uid() == uid)
        };
        if !alive("serviceaccounts", &token.namespace, &token.account, &token.account_uid) {
            return Err("service account token has been invalidated");
        }
        match &token.bound {
            Some(bound) if !alive(bound.storage, &bound.namespace, &bound.name, &bound.uid) => {
                Err("service account token has been invalidated")
            }
            _ => Ok(token),
        }
    }
}

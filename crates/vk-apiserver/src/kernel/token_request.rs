//! `serviceaccounts/NAME/token` (`pkg/registry/core/serviceaccount/storage/token.go`).

use http::StatusCode;
use jiff::SignedDuration;
use k8s_openapi::api::authentication::v1::TokenRequest;
use serde_json::{Value, json};

use super::create::require_same_name;
use super::{Call, Kernel, Reply};
use crate::admission;
use crate::api_error::{ApiError, FieldError};
use crate::clock::rfc3339_seconds;
use crate::object::Object;
use crate::resource::{self, typed};
use crate::tokens::{BoundObject, IssuedToken};

/// The audience of the API server itself.
pub(super) const API_AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";
/// Lifetimes outside of these are refused.
const LIFETIME_SECONDS: std::ops::RangeInclusive<i64> = 600..=1 << 32;
/// A pod's default token is asked for with this lifetime and tolerated for a year.
const EXTENDED_FROM: i64 = 3607;
const EXTENDED_TO: i64 = 365 * 24 * 3600;

impl Kernel {
    pub(super) fn request_token(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let body = call.json_body("TokenRequest", "authentication.k8s.io/v1")?;
        let decoded = typed::<TokenRequest>(body.into_value()).map_err(|error| {
            ApiError::bad_request(format!(
                "TokenRequest in version \"v1\" cannot be handled as a TokenRequest: {error}"
            ))
        })?;
        let mut request =
            Object::from_value(decoded).map_err(|_| ApiError::internal("a TokenRequest that is no object"))?;
        require_same_name("TokenRequest", "authentication.k8s.io", &request, &call.path.name)?;
        admission::admit_create_below(self, call, &request)?;
        let account = self
            .storage
            .get("serviceaccounts", &call.key())
            .cloned()
            .ok_or_else(|| ApiError::not_found(call.resource, &call.path.name))?;
        let seconds = request.integer("/spec/expirationSeconds").unwrap_or(3600);
        if !LIFETIME_SECONDS.contains(&seconds) {
            let detail = if seconds < *LIFETIME_SECONDS.start() {
                "may not specify a duration less than 10 minutes"
            } else {
                "may not specify a duration larger than 2^32 seconds"
            };
            let error = FieldError::invalid("spec.expirationSeconds", seconds, detail);
            return Err(ApiError::invalid("authentication.k8s.io", "TokenRequest", "", &[error]));
        }
        let bound = self.bound_object(call, &request)?;
        let mut audiences: Vec<String> =
            request.items("/spec/audiences").iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
        if audiences.is_empty() {
            audiences.push(API_AUDIENCE.to_owned());
        }
        let extended = seconds == EXTENDED_FROM && bound.is_some() && audiences == [API_AUDIENCE];
        let lifetime = if extended { EXTENDED_TO } else { seconds };
        let expires =
            |seconds: i64| call.now.wall.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(call.now.wall);
        let id = self.entropy.uid();
        let token = self.tokens.issue(
            &mut self.entropy,
            call.now.wall,
            IssuedToken {
                id,
                namespace: account.namespace().to_owned(),
                account: account.name().to_owned(),
                account_uid: account.uid().to_owned(),
                audiences: audiences.clone(),
                bound,
                expires: expires(lifetime),
            },
        );
        for field in ["name", "namespace", "uid"] {
            request.copy_from(&format!("/metadata/{field}"), &account);
        }
        request.set("/metadata/creationTimestamp", rfc3339_seconds(call.now.wall));
        request.set("/spec/audiences", audiences);
        request.set("/spec/expirationSeconds", seconds);
        request.set_default("/spec/boundObjectRef", Value::Null);
        request.set("/status", json!({"token": token, "expirationTimestamp": rfc3339_seconds(expires(seconds))}));
        Ok(Reply::json(StatusCode::CREATED, &request.into_value()))
    }

    fn bound_object(&self, call: &Call<'_>, request: &Object) -> Result<Option<BoundObject>, ApiError> {
        if request.at("/spec/boundObjectRef").is_none() {
            return Ok(None);
        }
        let kind = request.text("/spec/boundObjectRef/kind");
        let name = request.text("/spec/boundObjectRef/name");
        let resource = match (request.text("/spec/boundObjectRef/apiVersion"), kind) {
            ("v1", "Pod" | "Secret" | "Node") => resource::find_kind("v1", kind),
            _ => None,
        };
        let resource = resource
            .ok_or_else(|| ApiError::bad_request(format!("cannot bind token to object of type /v1, Kind={kind}")))?;
        let namespace = if resource.namespaced { call.path.namespace.as_str() } else { "" };
        let object =
            self.storage.find(resource.storage, namespace, name).ok_or_else(|| ApiError::not_found(resource, name))?;
        if kind == "Pod" && object.text("/spec/serviceAccountName") != call.path.name {
            let account = &call.path.name;
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
            )));
        }
        let uid = request.text("/spec/boundObjectRef/uid");
        if !uid.is_empty() && uid != object.uid() {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(ApiError::precondition(resource, name, &why));
        }
        Ok(Some(BoundObject {
            storage: resource.storage,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: object.uid().to_owned(),
        }))
    }
}

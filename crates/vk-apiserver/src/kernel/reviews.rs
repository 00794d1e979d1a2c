//! Reviews: questions about tokens and permissions, answered and not stored.

use http::StatusCode;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenReview};
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
};
use serde_json::{Value, json};

use super::dispatch::{json_object, not_allowed};
use super::token_request::API_AUDIENCE;
use super::{Kernel, Reply};
use crate::api_error::{ApiError, FieldError};
use crate::authorization::{Attributes, Decision, PolicyRule};
use crate::clock::{Now, rfc3339_seconds};
use crate::identity::Identity;
use crate::object::Object;
use crate::request::{ApiRequest, ResourcePath, Verb};
use crate::resource::typed;
use crate::tokens::IssuedToken;

/// Where a review was sent.
struct Scope<'path> {
    api_version: String,
    namespace: &'path str,
}

impl Kernel {
    /// Answers a review; `None` if the path is none.
    pub(super) fn review(
        &mut self,
        request: &ApiRequest,
        path: &ResourcePath,
        identity: &Identity,
        now: Now,
    ) -> Option<Result<Reply, ApiError>> {
        let kind = match (path.group.as_str(), path.version.as_str(), path.plural.as_str()) {
            ("authentication.k8s.io", "v1", "tokenreviews") => "TokenReview",
            ("authentication.k8s.io", "v1", "selfsubjectreviews") => "SelfSubjectReview",
            ("authorization.k8s.io", "v1", "subjectaccessreviews") => "SubjectAccessReview",
            ("authorization.k8s.io", "v1", "selfsubjectaccessreviews") => "SelfSubjectAccessReview",
            ("authorization.k8s.io", "v1", "selfsubjectrulesreviews") => "SelfSubjectRulesReview",
            ("authorization.k8s.io", "v1", "localsubjectaccessreviews") => "LocalSubjectAccessReview",
            _ => return None,
        };
        if !path.name.is_empty() {
            return Some(Err(ApiError::path_not_found()));
        }
        if path.verb != Verb::Create {
            return Some(Err(not_allowed()));
        }
        let scope = Scope { api_version: format!("{}/v1", path.group), namespace: &path.namespace };
        Some(self.answer_review(request, kind, &scope, identity, now))
    }

    fn answer_review(
        &self,
        request: &ApiRequest,
        kind: &str,
        scope: &Scope<'_>,
        identity: &Identity,
        now: Now,
    ) -> Result<Reply, ApiError> {
        request.content_type.require_json()?;
        let mut review = shaped(json_object(&request.body, kind, &scope.api_version)?, kind)?;
        let status = match kind {
            "TokenReview" if review.text("/spec/token").is_empty() => {
                return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
            }
            "TokenReview" => self.review_token(&review, now),
            "SelfSubjectReview" => json!({"userInfo": {"username": identity.user, "groups": identity.groups}}),
            "SelfSubjectAccessReview" => self.review_access(&review, identity)?,
            "SelfSubjectRulesReview" if review.text("/spec/namespace").is_empty() => {
                return Err(ApiError::bad_request("no namespace on request"));
            }
            "SelfSubjectRulesReview" => self.review_rules(identity),
            _ => {
                check_scope(&review, kind, scope.namespace)?;
                self.review_access(&review, &subject_of(&review)?)?
            }
        };
        if kind == "SelfSubjectRulesReview" {
            review.set("/spec", json!({}));
        }
        review.set("/status", status);
        if kind == "SelfSubjectReview" {
            review.set("/metadata/creationTimestamp", rfc3339_seconds(now.wall));
        }
        review.set_default("/metadata", json!({}));
        Ok(Reply::json(StatusCode::CREATED, &review.into_value()))
    }

    fn review_token(&self, review: &Object, now: Now) -> Value {
        let asked: Vec<&str> = review.items("/spec/audiences").iter().filter_map(Value::as_str).collect();
        let asked = if asked.is_empty() { vec![API_AUDIENCE] } else { asked };
        let token = match self.tokens.verify(review.text("/spec/token"), &self.storage, now.wall) {
            Ok(token) => token,
            Err(error) => return json!({"user": {}, "error": error}),
        };
        let audiences: Vec<&String> = token.audiences.iter().filter(|one| asked.contains(&one.as_str())).collect();
        if audiences.is_empty() {
            let error = format!(
                "[invalid bearer token, token audiences {:?} is invalid for the target audiences {asked:?}]",
                token.audiences
            );
            return json!({"user": {}, "error": error});
        }
        let mut user = json!({"username": token.user(), "uid": token.account_uid, "groups": token.groups()});
        user["extra"] = self.token_extra(token);
        json!({"authenticated": true, "user": user, "audiences": audiences})
    }

    /// The ServiceAccount that a bearer token proves to the API server itself.
    #[cfg(feature = "serve")]
    pub(crate) fn identity_of_token(&self, token: &str, now: Now) -> Option<Identity> {
        let token = self.tokens.verify(token, &self.storage, now.wall).ok()?;
        let for_us = token.audiences.iter().any(|audience| audience == API_AUDIENCE);
        for_us.then(|| Identity { user: token.user(), groups: token.groups(), uid: token.account_uid.clone() })
    }

    fn token_extra(&self, token: &IssuedToken) -> Value {
        let mut extra = json!({"authentication.kubernetes.io/credential-id": [format!("JTI={}", token.id)]});
        if let Some(bound) = token.bound.as_ref().filter(|bound| bound.storage == "pods") {
            extra["authentication.kubernetes.io/pod-name"] = json!([bound.name]);
            extra["authentication.kubernetes.io/pod-uid"] = json!([bound.uid]);
            let node = self.storage.find("pods", &bound.namespace, &bound.name).map(|pod| pod.text("/spec/nodeName"));
            if let Some(node) = node.filter(|node| !node.is_empty()) {
                extra["authentication.kubernetes.io/node-name"] = json!([node]);
                if let Some(object) = self.storage.find("nodes", "", node) {
                    extra["authentication.kubernetes.io/node-uid"] = json!([object.uid()]);
                }
            }
        }
        extra
    }

    /// Nobody's rules end at a namespace here. Those of the node authorizer cannot be told.
    fn review_rules(&self, identity: &Identity) -> Value {
        let (of_resources, of_paths): (Vec<_>, Vec<_>) = self.authorizer.rules(identity).map(told).unzip();
        let of_resources: Vec<Value> = of_resources.into_iter().flatten().collect();
        let of_paths: Vec<Value> = of_paths.into_iter().flatten().collect();
        let mut status = json!({"resourceRules": of_resources, "nonResourceRules": of_paths, "incomplete": false});
        if identity.node_name().is_some() {
            status["incomplete"] = true.into();
            status["evaluationError"] = "node authorizer does not support user rule resolution".into();
        }
        status
    }

    fn review_access(&self, review: &Object, identity: &Identity) -> Result<Value, ApiError> {
        let spec = review.at("/spec").cloned().unwrap_or_default();
        let attributes = Attributes::of_review(&spec)?;
        Ok(match self.authorizer.decide(identity, &attributes) {
            Decision::Allow => json!({"allowed": true}),
            Decision::Deny(reason) if reason.is_empty() => json!({"allowed": false}),
            Decision::Deny(reason) => json!({"allowed": false, "reason": reason}),
        })
    }
}

/// A rule as a review tells it, split in what it says of resources and of other paths.
fn told(rule: &PolicyRule) -> (Option<Value>, Option<Value>) {
    let of_resources = (!rule.resources.is_empty()).then(|| {
        let mut told = json!({"verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources});
        if !rule.resource_names.is_empty() {
            told["resourceNames"] = json!(rule.resource_names);
        }
        told
    });
    let of_paths = (!rule.non_resource_urls.is_empty())
        .then(|| json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls}));
    (of_resources, of_paths)
}

/// Refuses values of the wrong type.
fn shaped(review: Object, kind: &str) -> Result<Object, ApiError> {
    let value = review.into_value();
    let decoded = match kind {
        "TokenReview" => typed::<TokenReview>(value),
        "SelfSubjectReview" => typed::<SelfSubjectReview>(value),
        "SelfSubjectAccessReview" => typed::<SelfSubjectAccessReview>(value),
        "SelfSubjectRulesReview" => typed::<SelfSubjectRulesReview>(value),
        "LocalSubjectAccessReview" => typed::<LocalSubjectAccessReview>(value),
        _ => typed::<SubjectAccessReview>(value),
    };
    let decoded = decoded.map_err(|error| {
        ApiError::bad_request(format!("{kind} in version \"v1\" cannot be handled as a {kind}: {error}"))
    })?;
    Object::from_value(decoded).map_err(|_| ApiError::internal("a review that is no object"))
}

/// A review is about nothing stored, so it has no name; a local one is about its own namespace.
fn check_scope(review: &Object, kind: &str, namespace: &str) -> Result<(), ApiError> {
    let refuse = |error: FieldError| Err(ApiError::invalid("authorization.k8s.io", "", "", &[error]));
    if kind == "LocalSubjectAccessReview" {
        if !matches!(review.namespace(), own if own.is_empty() || own == namespace) {
            let why = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(ApiError::bad_request(why));
        }
        let asked = review.text("/spec/resourceAttributes/namespace");
        if asked != namespace {
            let path = "spec.resourceAttributes.namespace";
            return refuse(FieldError::invalid(path, asked, "must match metadata.namespace"));
        }
    } else if review.at("/metadata").and_then(Value::as_object).is_some_and(|metadata| !metadata.is_empty()) {
        let value = review.at("/metadata").cloned().unwrap_or_default();
        return refuse(FieldError::invalid("metadata", value, "must be empty"));
    }
    Ok(())
}

fn subject_of(review: &Object) -> Result<Identity, ApiError> {
    let user = review.text("/spec/user");
    let groups: Vec<String> =
        review.items("/spec/groups").iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    if user.is_empty() && groups.is_empty() {
        let error = FieldError::invalid("spec.user", "", "at least one of user or group must be specified");
        return Err(ApiError::invalid("authorization.k8s.io", "", "", &[error]));
    }
    Ok(Identity { user: user.to_owned(), groups, uid: review.text("/spec/uid").to_owned() })
}

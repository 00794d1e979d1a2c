//! Reviews: questions about tokens and permissions, answered and not stored.

use http::StatusCode;
use serde_json::{Value, json};

use super::dispatch::{json_object, not_allowed};
use super::token_request::API_AUDIENCE;
use super::{Kernel, Reply};
use crate::api_error::{ApiError, FieldError};
use crate::authorization::{Attributes, Decision};
use crate::clock::Now;
use crate::identity::Identity;
use crate::object::Object;
use crate::request::{ApiRequest, ResourcePath, Verb};
use crate::tokens::IssuedToken;

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
            ("authorization.k8s.io", "v1", "localsubjectaccessreviews") => "LocalSubjectAccessReview",
            _ => return None,
        };
        if path.verb != Verb::Create || !path.name.is_empty() {
            return Some(Err(not_allowed()));
        }
        Some(self.answer_review(request, kind, &format!("{}/v1", path.group), identity, now))
    }

    fn answer_review(
        &self,
        request: &ApiRequest,
        kind: &str,
        api_version: &str,
        identity: &Identity,
        now: Now,
    ) -> Result<Reply, ApiError> {
        request.content_type.require_json()?;
        let mut review = json_object(&request.body, kind, api_version)?;
        let status = match kind {
            "TokenReview" if review.text("/spec/token").is_empty() => {
                return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
            }
            "TokenReview" => self.review_token(&review, now),
            "SelfSubjectReview" => json!({"userInfo": {"username": identity.user, "groups": identity.groups}}),
            "SelfSubjectAccessReview" => self.review_access(&review, identity)?,
            _ => self.review_access(&review, &subject_of(&review)?)?,
        };
        review.set("/status", status);
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

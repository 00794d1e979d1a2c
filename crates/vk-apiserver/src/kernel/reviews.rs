//! Reviews: questions about tokens and permissions, answered and not stored.

use http::StatusCode;
use serde_json::{Value, json};

use super::dispatch::{json_object, not_allowed};
use super::token_request::API_AUDIENCE;
use super::{Kernel, Reply};
use crate::api_error::ApiError;
use crate::authorization::{Attributes, Decision};
use crate::clock::Now;
use crate::identity::Identity;
use crate::object::Object;
use crate::request::{ApiRequest, ResourcePath, Verb};

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
        let verified = self.tokens.verify(review.text("/spec/token"), &self.storage, now.wall).and_then(|token| {
            let shared: Vec<&String> = token.audiences.iter().filter(|one| asked.contains(&one.as_str())).collect();
            if shared.is_empty() { Err("token audiences do not match") } else { Ok((token, shared)) }
        });
        match verified {
            Err(error) => json!({"user": {}, "error": error}),
            Ok((token, audiences)) => {
                let mut user = json!({"username": token.user(), "uid": token.account_uid, "groups": token.groups()});
                if let Some(bound) = token.bound.as_ref().filter(|bound| bound.storage == "pods") {
                    user["extra"] = json!({
                        "authentication.kubernetes.io/pod-name": [bound.name],
                        "authentication.kubernetes.io/pod-uid": [bound.uid],
                    });
                }
                json!({"authenticated": true, "user": user, "audiences": audiences})
            }
        }
    }

    fn review_access(&self, review: &Object, identity: &Identity) -> Result<Value, ApiError> {
        let spec = review.at("/spec").cloned().unwrap_or_default();
        let attributes = Attributes::of_review(&spec)?;
        Ok(match self.authorizer.decide(identity, &attributes) {
            Decision::Allow => json!({"allowed": true, "reason": ""}),
            Decision::Deny(reason) => json!({"allowed": false, "reason": reason}),
        })
    }
}

fn subject_of(review: &Object) -> Result<Identity, ApiError> {
    let user = review.text("/spec/user");
    let groups: Vec<String> =
        review.items("/spec/groups").iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    if user.is_empty() && groups.is_empty() {
        return Err(ApiError::bad_request(
            "spec.user: Invalid value: \"\": at least one of user or group must be specified",
        ));
    }
    Ok(Identity { user: user.to_owned(), groups, uid: review.text("/spec/uid").to_owned() })
}

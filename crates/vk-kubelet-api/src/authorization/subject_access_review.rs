//! The cluster's own authorizer, asked by SubjectAccessReview.

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use super::{Attributes, AuthorizationError, Authorizer, Decision};
use crate::authentication::UserInfo;

/// Asks the API server each time. [`RememberingAuthorizer`](super::RememberingAuthorizer) asks it less often.
#[derive(Clone)]
pub struct SubjectAccessReviewAuthorizer {
    reviews: Api<SubjectAccessReview>,
}

impl SubjectAccessReviewAuthorizer {
    /// Asks with this client, whose identity needs `create` on `subjectaccessreviews` (`system:node` has it).
    pub fn new(client: kube::Client) -> Self {
        Self { reviews: Api::all(client) }
    }

    async fn review(&self, user: &UserInfo, attributes: &Attributes) -> Result<Decision, AuthorizationError> {
        let review = SubjectAccessReview { spec: spec(user, attributes), ..SubjectAccessReview::default() };
        let answer = self.reviews.create(&PostParams::default(), &review).await.map_err(|error| explain(&error))?;
        let Some(status) = answer.status else {
            return Err(AuthorizationError("the API server left the SubjectAccessReview unanswered".to_owned()));
        };
        if status.allowed {
            return Ok(Decision::Allowed);
        }
        // A dangling role binding shows as an evaluation error beside a denial: it explains, it does not decide.
        let reason = status.reason.filter(|reason| !reason.is_empty()).or(status.evaluation_error);
        Ok(Decision::Denied { reason: reason.unwrap_or_default() })
    }
}

impl Authorizer for SubjectAccessReviewAuthorizer {
    fn authorize<'a>(
        &'a self,
        user: &'a UserInfo,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<Decision, AuthorizationError>> {
        self.review(user, attributes).boxed()
    }
}

fn spec(user: &UserInfo, attributes: &Attributes) -> SubjectAccessReviewSpec {
    SubjectAccessReviewSpec {
        user: Some(user.name.clone()),
        groups: Some(user.groups.clone()),
        uid: Some(user.uid.clone()).filter(|uid| !uid.is_empty()),
        extra: Some(user.extra.clone()).filter(|extra| !extra.is_empty()),
        resource_attributes: Some(ResourceAttributes {
            version: Some("v1".to_owned()),
            resource: Some("nodes".to_owned()),
            subresource: Some(attributes.subresource.to_owned()),
            name: Some(attributes.node.to_string()),
            verb: Some(attributes.verb.as_str().to_owned()),
            ..ResourceAttributes::default()
        }),
        ..SubjectAccessReviewSpec::default()
    }
}

fn explain(error: &kube::Error) -> AuthorizationError {
    let mut message = format!("SubjectAccessReview failed: {error}");
    if matches!(error, kube::Error::Api(status) if status.code == 403) {
        message.push_str(
            "; the node's own identity needs the verb create on subjectaccessreviews in authorization.k8s.io",
        );
    }
    AuthorizationError(message)
}

#[cfg(test)]
mod tests;

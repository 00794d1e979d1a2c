//! Whether they may.
//!
//! Every request is a question about the subresources of our Node, as for a kubelet
//! (<https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/>), with one difference: what runs or opens
//! something in a pod takes `create` whatever the method, so that `get` on `nodes/proxy` stays a right to read.

mod remembering;
mod subject_access_review;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use http::Method;

pub use remembering::{AuthorizationTtls, RememberingAuthorizer};
pub use subject_access_review::SubjectAccessReviewAuthorizer;

use crate::authentication::UserInfo;

/// Decides about requests.
pub trait Authorizer: Send + Sync {
    /// Whether the user may do this. Asked for every request; an implementation that remembers answers bounds how many, and
    /// for how long.
    fn authorize<'a>(
        &'a self,
        user: &'a UserInfo,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<Decision, AuthorizationError>>;
}

/// What a request needs a permission for: a verb on a subresource of the Node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// Name of the Node.
    pub node: Arc<str>,
    /// As in `nodes/proxy`.
    pub subresource: &'static str,
    /// What is done with it.
    pub verb: Verb,
}

impl Attributes {
    /// This verb on this subresource of the Node.
    pub fn new(node: Arc<str>, subresource: &'static str, verb: Verb) -> Self {
        Self { node, subresource, verb }
    }
}

/// A verb of the Kubernetes API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// GET.
    Get,
    /// POST, and whatever runs or opens something in a pod.
    Create,
    /// PUT.
    Update,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Verb {
    /// The verb that belongs to a method; none to `HEAD`, `OPTIONS` and the like, which the API does not use.
    pub(crate) fn of_method(method: &Method) -> Option<Self> {
        Some(match *method {
            Method::GET => Self::Get,
            Method::POST => Self::Create,
            Method::PUT => Self::Update,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => return None,
        })
    }

    /// The word that RBAC rules use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An authorizer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// They may.
    Allowed,
    /// They may not.
    Denied {
        /// The authorizer's reason; may be empty.
        reason: String,
    },
}

/// It could not be found out whether they may, so they may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthorizationError(pub String);

//! Images: what is there, and what is to be fetched.

use std::fmt;

use serde::{Deserialize, Serialize};
use vk_core::resolved::SecretString;

/// An image in the runtime's store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// What to create containers from: an id, so that a tag which moves meanwhile changes nothing.
    pub id: String,
    /// Size in bytes, where the runtime says so.
    pub size: Option<u64>,
    /// The user that the image runs as; empty means root.
    pub user: String,
}

impl Image {
    /// An image with this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), size: None, user: String::new() }
    }

    /// The same, with its size in bytes.
    #[must_use]
    pub fn with_size(mut self, size: Option<u64>) -> Self {
        self.size = size;
        self
    }

    /// The same, running as this user.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }
}

/// An image to fetch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PullRequest {
    /// As the pod names it.
    pub reference: String,
    /// To be tried in this order; none means without credentials.
    pub credentials: Vec<Credentials>,
}

impl PullRequest {
    /// An image to fetch without credentials.
    pub fn anonymous(reference: impl Into<String>) -> Self {
        Self { reference: reference.into(), credentials: Vec::new() }
    }

    /// The same, with credentials to try in this order.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Vec<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }
}

/// What a registry is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The registry, as in `registry.example.com:5000`.
    pub registry: String,
    /// User name; may be empty with a token.
    pub username: String,
    /// Password.
    pub password: SecretString,
    /// Identity token, in place of a password.
    pub identity_token: Option<SecretString>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} at {})", self.username, self.registry)
    }
}

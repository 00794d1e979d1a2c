//! [`ApiFailure`]: why a request about the Node or its lease did not succeed, as far as decisions need to know.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why the API server did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum ApiFailure {
    /// 404.
    #[error("not found")]
    NotFound,
    /// 409: the object exists already, or has another UID or resource version than we thought.
    #[error("conflict: {0}")]
    Conflict(String),
    /// 403.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// 401.
    #[error("not authenticated: {0}")]
    Unauthenticated(String),
    /// 400 or 422: the object itself is refused.
    #[error("refused: {0}")]
    Invalid(String),
    /// 429, or a server that names a delay.
    #[error("asked to wait: {message}")]
    Throttled {
        /// What the server said.
        message: String,
        /// How long it wants us to wait.
        after: Duration,
    },
    /// No answer, an unreadable one, or one of class 5xx. A write may have taken effect.
    #[error("no usable answer: {0}")]
    Unavailable(String),
}

impl ApiFailure {
    /// The delay that the server asked for.
    pub fn requested_delay(&self) -> Option<Duration> {
        match self {
            Self::Throttled { after, .. } => Some(*after),
            _ => None,
        }
    }
}

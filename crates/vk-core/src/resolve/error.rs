//! [`ResolveError`]: why a container's environment or a volume cannot be made up.

use super::reference::Reference;
use crate::error::Error;

/// Why a container's environment or a volume cannot be made up. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The object does not exist (yet).
    #[error("{reference} not found")]
    NotFound {
        /// The object.
        reference: Reference,
    },
    /// Nobody has found out yet whether the object exists.
    #[error("{reference} has not been read yet")]
    NotRead {
        /// The object.
        reference: Reference,
    },
    /// The object exists, and lacks the key (so far).
    #[error("key {key:?} not found in {reference}")]
    KeyNotFound {
        /// The object.
        reference: Reference,
        /// The key.
        key: String,
    },
    /// The value cannot be an environment variable: it is no UTF-8, or contains a NUL.
    #[error("key {key:?} of {reference} is not text and cannot be an environment variable; mount it as a file")]
    NotText {
        /// The object.
        reference: Reference,
        /// The key.
        key: String,
    },
    /// The pod's own content is wrong.
    #[error("{field}: {message}")]
    Invalid {
        /// Path of the field in the pod.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// What the pod refers to does not fit this field, so far: a change of those objects mends it, as a change of the pod does.
    #[error("{field}: {message}")]
    Unfit {
        /// Path of the field in the pod.
        field: String,
        /// What does not fit.
        message: String,
    },
    /// The pod uses a field that this agent cannot resolve for any back end.
    #[error("{field}: {message}")]
    Unsupported {
        /// Path of the field in the pod.
        field: String,
        /// Why not, and what to use instead.
        message: String,
    },
    /// Something that this agent should know of its node is not known yet.
    #[error("{message}")]
    NodeUnknown {
        /// What is missing.
        message: String,
    },
}

impl ResolveError {
    /// The one object whose change may mend this; `None` if there is no such one.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::NotFound { reference }
            | Self::NotRead { reference }
            | Self::KeyNotFound { reference, .. }
            | Self::NotText { reference, .. } => Some(reference),
            Self::Invalid { .. } | Self::Unfit { .. } | Self::Unsupported { .. } | Self::NodeUnknown { .. } => None,
        }
    }

    pub(super) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), message: message.into() }
    }

    pub(super) fn unfit(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unfit { field: field.into(), message: message.into() }
    }

    pub(super) fn unsupported(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unsupported { field: field.into(), message: message.into() }
    }
}

impl From<ResolveError> for Error {
    fn from(error: ResolveError) -> Self {
        let message = error.to_string();
        match error {
            ResolveError::Invalid { field, message } => Self::invalid(field, message),
            ResolveError::Unfit { field, message } => Self::unresolved(field, message),
            ResolveError::Unsupported { field, message } => Self::unsupported(field, message),
            ResolveError::NodeUnknown { .. } => Self::unresolved("node", message),
            ResolveError::NotFound { reference }
            | ResolveError::NotRead { reference }
            | ResolveError::KeyNotFound { reference, .. }
            | ResolveError::NotText { reference, .. } => Self::unresolved(reference.to_string(), message),
        }
    }
}

//! Errors that decide: the kind says what the core does next, the retry class says when.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Result of a provider call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not do what it was asked for.
///
/// "Not found" is no error: a lookup answers `None`, a removal of what is gone succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {message}")]
#[non_exhaustive]
pub struct Error {
    /// What went wrong, as far as decisions need to know.
    pub kind: ErrorKind,
    /// Whether and when the core tries again.
    pub retry: Retry,
    /// For people: what happened and what to do. Never contains a secret.
    pub message: String,
}

/// The classes of failure that lead to different decisions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pod's own content is wrong; `field` is its path, as in `spec.containers[0].image`.
    Invalid {
        /// Path of the field.
        field: String,
    },
    /// The back end does not honour this field. The pod stays Pending (invariant 5).
    Unsupported {
        /// Path of the field.
        field: String,
    },
    /// Something the pod refers to is not there yet, for example a ConfigMap. The pod waits for it.
    Unresolved {
        /// The missing thing, as in `configmap "settings"`.
        reference: String,
    },
    /// The pod is refused as the kubelet refuses it at admission: its phase becomes Failed with this reason.
    Rejected {
        /// A kubelet admission reason, as in `OutOfcpu`.
        reason: String,
    },
    /// A quota or capacity is used up for now.
    Exhausted {
        /// What ran out, as in `cpu` or `container groups`.
        resource: String,
        /// Whether other pods of this node would be refused too.
        scope: ExhaustionScope,
    },
    /// Another writer got there first, or the object is in a state that forbids the call for now.
    Conflict,
    /// The call was meant for another incarnation of the back end than the one that got it, which did nothing.
    OtherInstance,
    /// The call may or may not have taken effect (timeout, reset): the core looks the pod up before it repeats.
    OutcomeUnknown,
    /// The back end does not answer.
    Unavailable,
    /// The back end refuses our credentials; this concerns the node, not the pod.
    Unauthenticated,
    /// The call was abandoned because the core asked for that.
    Cancelled,
    /// A defect of the provider.
    Internal,
}

/// How far an exhaustion reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExhaustionScope {
    /// Only this pod is too large.
    Pod,
    /// The node has no room: creates pause, stops and removals go on.
    Node,
}

/// Whether and when a failed call is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Retry {
    /// Only when what was asked for changes.
    Never,
    /// With growing delay up to a cap, for ever.
    Backoff,
    /// Not before this much time has passed.
    After(Duration),
}

impl Error {
    /// An error of this kind, with the retry class that fits it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = kind.default_retry();
        Self { kind, retry, message: message.into() }
    }

    /// The pod's field is wrong.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid { field: field.into() }, message)
    }

    /// The back end does not honour the field.
    pub fn unsupported(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported { field: field.into() }, message)
    }

    /// A referenced object is missing.
    pub fn unresolved(reference: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unresolved { reference: reference.into() }, message)
    }

    /// The pod is refused for good, with a kubelet admission reason.
    pub fn rejected(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Rejected { reason: reason.into() }, message)
    }

    /// The call may or may not have taken effect.
    pub fn outcome_unknown(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::OutcomeUnknown, message)
    }

    /// The call was meant for another incarnation of the back end: nothing was done.
    pub fn other_instance(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::OtherInstance, message)
    }

    /// The back end does not answer.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// The call was abandoned on request.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the call was cancelled")
    }

    /// A defect of the provider.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The same error, repeated not before `delay` has passed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry = Retry::After(delay);
        self
    }
}

impl ErrorKind {
    fn default_retry(&self) -> Retry {
        match self {
            Self::Invalid { .. } | Self::Unsupported { .. } | Self::Rejected { .. } => Retry::Never,
            _ => Retry::Backoff,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field } => write!(f, "invalid {field}"),
            Self::Unsupported { field } => write!(f, "unsupported {field}"),
            Self::Unresolved { reference } => write!(f, "waiting for {reference}"),
            Self::Rejected { reason } => write!(f, "rejected ({reason})"),
            Self::Exhausted { resource, .. } => write!(f, "{resource} exhausted"),
            Self::Conflict => f.write_str("conflict"),
            Self::OtherInstance => f.write_str("meant for another back end"),
            Self::OutcomeUnknown => f.write_str("outcome unknown"),
            Self::Unavailable => f.write_str("back end unavailable"),
            Self::Unauthenticated => f.write_str("back end refuses our credentials"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Internal => f.write_str("provider defect"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_not_repeated_and_everything_else_is() {
        assert_eq!(Error::invalid("spec", "x").retry, Retry::Never);
        assert_eq!(Error::rejected("OutOfcpu", "x").retry, Retry::Never);
        assert_eq!(Error::unavailable("x").retry, Retry::Backoff);
        let limited = Error::unavailable("x").retry_after(Duration::from_secs(7));
        assert_eq!(limited.retry, Retry::After(Duration::from_secs(7)));
    }

    #[test]
    fn the_message_names_the_field() {
        let error = Error::unsupported("spec.volumes[0].nfs", "use a hostPath");
        assert_eq!(error.to_string(), "unsupported spec.volumes[0].nfs: use a hostPath");
    }
}

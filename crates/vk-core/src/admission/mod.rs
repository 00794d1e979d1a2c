//! Admission: whether a pod that is bound to our node may start there, decided as the kubelet decides it.
//!
//! Two decisions, both about pods of which nothing has run yet. [`Room`] compares what a pod requests with what the pods that
//! were admitted before it leave of the node's allocatable resources (`OutOfcpu` and the like); [`check_placement`] compares
//! it with the Node's labels and taints (`NodeAffinity`, `TaintToleration`). A pod that is refused here is Failed, and
//! whoever made it makes another one; the provider's own admission comes after both.
//!
//! Differences from the kubelet: a resource of which the provider names no figure is not counted, host ports are left to the
//! provider, and no running pod makes room for a critical one.

mod daemon_set;
mod placement;
mod requests;
mod room;

pub use daemon_set::DaemonSetPods;
pub use placement::check_placement;
pub use requests::Requests;
pub(crate) use requests::{Amounts, SpecRequests};
pub use room::Room;

use crate::error::{Error, ErrorKind};

/// Reason of a pod that was refused for something that fits no other reason.
pub const UNEXPECTED_ADMISSION_ERROR: &str = "UnexpectedAdmissionError";

/// Why a pod is refused, in the kubelet's words: `status.reason`, and what follows `Pod was rejected: ` in `status.message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// CamelCase, as in `OutOfcpu`.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Rejection {
    fn of_predicate(predicate: &str, description: &str) -> Self {
        Self { reason: predicate.to_owned(), message: format!("Predicate {predicate} failed: {description}") }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::rejected(rejection.reason, rejection.message)
    }
}

/// A provider's refusal, with a reason that may stand in `status.reason`: one that is no CamelCase word becomes
/// [`UNEXPECTED_ADMISSION_ERROR`], and moves into the message.
pub fn worded(mut error: Error) -> Error {
    if let ErrorKind::Rejected { reason } = &mut error.kind
        && !is_reason(reason)
    {
        if !reason.is_empty() {
            error.message = format!("{reason}: {}", error.message);
        }
        UNEXPECTED_ADMISSION_ERROR.clone_into(reason);
    }
    error
}

/// An Event's reason has at most 128 characters. `OutOfexample.com/gpu` is one, too.
fn is_reason(text: &str) -> bool {
    let starts_well = text.starts_with(|first: char| first.is_ascii_uppercase());
    starts_well && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_reason_stays_if_it_is_one() {
        for reason in ["OutOfcpu", "OutOfexample.com/gpu", "QuotaExceeded"] {
            let error = Error::rejected(reason, "no room");
            assert_eq!(worded(error.clone()), error);
        }
    }

    #[test]
    fn a_reason_that_is_none_becomes_unexpected() {
        for (reason, message) in [("", "no room"), ("no more room", "no more room: no room")] {
            let error = worded(Error::rejected(reason, "no room"));
            assert_eq!(error, Error::rejected(UNEXPECTED_ADMISSION_ERROR, message));
        }
        assert_eq!(worded(Error::unavailable("x")), Error::unavailable("x"));
    }
}

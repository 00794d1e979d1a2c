//! What an API server's refusal of a write means for the pod.

use std::time::Duration;

use super::effect::Write;
use super::event::WriteOutcome;

/// Longest `Retry-After` that is honoured: a server that asks for more is asked again all the same.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// An error answer, as `metav1.Status` carries it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status code.
    pub code: u16,
    /// For people.
    pub message: String,
    /// The fields that it complains about.
    pub fields: Vec<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl WriteOutcome {
    /// Reads a refusal as a real API server means it: a UID in a patch that does not match is 422 on `metadata.uid`, one in
    /// a DELETE is 409; a node is answered 403 for a pod that is no longer its own, never 404.
    pub fn of_refusal(write: Write, refusal: Refusal) -> Self {
        let Refusal { code, message, fields, retry_after } = refusal;
        let other_uid = code == 422 && fields.iter().any(|field| field == "metadata.uid");
        match (code, write) {
            (404 | 403, Write::Status | Write::Delete) => Self::IdentityLost { message },
            (409, Write::Delete) => Self::IdentityLost { message },
            (409, _) => Self::Conflict,
            _ if other_uid => Self::IdentityLost { message },
            (400 | 413 | 415 | 422, _) => Self::Refused { message },
            _ => Self::Failed { message, retry_after: retry_after.map(|delay| delay.min(LONGEST_RETRY_AFTER)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(write: Write, code: u16, field: &str) -> WriteOutcome {
        let refusal = Refusal { code, fields: vec![field.to_owned()], ..Refusal::default() };
        WriteOutcome::of_refusal(write, refusal)
    }

    #[test]
    fn what_may_mean_that_the_pod_is_gone_is_proved_first() {
        let lost = WriteOutcome::IdentityLost { message: String::new() };
        assert_eq!(outcome(Write::Status, 404, ""), lost);
        assert_eq!(outcome(Write::Status, 403, ""), lost);
        assert_eq!(outcome(Write::Status, 422, "metadata.uid"), lost);
        assert_eq!(outcome(Write::Delete, 409, ""), lost);
    }

    #[test]
    fn a_stale_version_is_a_conflict_and_a_bad_patch_is_refused() {
        assert_eq!(outcome(Write::Status, 409, ""), WriteOutcome::Conflict);
        assert!(matches!(outcome(Write::Status, 422, "status.qosClass"), WriteOutcome::Refused { .. }));
    }

    #[test]
    fn a_busy_server_is_asked_again_when_it_says() {
        let refusal = Refusal { code: 429, retry_after: Some(Duration::from_secs(7)), ..Refusal::default() };
        let expected = WriteOutcome::Failed { message: String::new(), retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(WriteOutcome::of_refusal(Write::Status, refusal), expected);
        assert!(matches!(outcome(Write::ProveAbsence, 503, ""), WriteOutcome::Failed { .. }));
        assert!(matches!(outcome(Write::ProveAbsence, 403, ""), WriteOutcome::Failed { .. }));
    }
}

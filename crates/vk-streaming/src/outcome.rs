//! [`Outcome`].

use serde_json::json;

use crate::upgrade::Version;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With this exit code; 0 is success.
    Exited(i32),
    /// It could not be run, or nobody knows how it ended.
    Failed(String),
}

impl Outcome {
    /// What the error stream says: from version 4 on a `v1.Status`, before that a sentence, or nothing after success.
    pub(crate) fn to_bytes(&self, version: Version) -> Vec<u8> {
        if version >= Version::V4 { self.to_status().into_bytes() } else { self.to_sentence().into_bytes() }
    }

    fn to_sentence(&self) -> String {
        match self {
            Self::Exited(0) => String::new(),
            Self::Exited(code) => format!("command terminated with non-zero exit code: {code}"),
            Self::Failed(reason) => format!("error executing command in container: {reason}"),
        }
    }

    fn to_status(&self) -> String {
        let status = match self {
            Self::Exited(0) => json!({"metadata": {}, "status": "Success"}),
            Self::Exited(code) => json!({
                "metadata": {},
                "status": "Failure",
                "message": self.to_sentence(),
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
            }),
            Self::Failed(_) => json!({
                "metadata": {},
                "status": "Failure",
                "message": format!("Internal error occurred: {}", self.to_sentence()),
                "reason": "InternalError",
                "details": {"causes": [{"message": self.to_sentence()}]},
                "code": 500,
            }),
        };
        status.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn status(outcome: &Outcome) -> Value {
        serde_json::from_slice(&outcome.to_bytes(Version::V5)).unwrap()
    }

    #[test]
    fn exit_codes_are_causes_of_a_status() {
        let exited = status(&Outcome::Exited(3));
        assert_eq!((&exited["status"], &exited["reason"]), (&json!("Failure"), &json!("NonZeroExitCode")));
        assert_eq!(exited["details"]["causes"], json!([{"reason": "ExitCode", "message": "3"}]));
        assert_eq!(status(&Outcome::Exited(0))["status"], "Success");
        assert_eq!(status(&Outcome::Failed("no shell".into()))["code"], 500);
    }

    #[test]
    fn older_clients_get_a_sentence() {
        assert_eq!(Outcome::Exited(0).to_bytes(Version::V3), b"");
        assert_eq!(Outcome::Exited(3).to_bytes(Version::V1), b"command terminated with non-zero exit code: 3");
    }
}

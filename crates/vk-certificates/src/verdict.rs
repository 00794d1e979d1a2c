//! What became of a request.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

/// What a CertificateSigningRequest says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has decided.
    AwaitsApproval,
    /// Approved, and not signed yet.
    AwaitsSignature,
    /// Refused.
    Denied(String),
    /// Approved, and the signer cannot sign it.
    Failed(String),
    /// The chain, PEM.
    Issued(Vec<u8>),
}

impl Verdict {
    /// Reads conditions and certificate. A denial wins over everything else.
    pub fn of(request: &CertificateSigningRequest) -> Self {
        let Some(status) = &request.status else { return Self::AwaitsApproval };
        let condition = |kind: &str| {
            let mut conditions = status.conditions.iter().flatten();
            conditions.find(|condition| condition.type_ == kind && condition.status != "False").map(|condition| {
                let words = [&condition.reason, &condition.message].map(|word| word.clone().unwrap_or_default());
                words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(": ")
            })
        };
        if let Some(why) = condition("Denied") {
            return Self::Denied(why);
        }
        if let Some(why) = condition("Failed") {
            return Self::Failed(why);
        }
        match &status.certificate {
            Some(chain) if !chain.0.is_empty() => Self::Issued(chain.0.clone()),
            _ if condition("Approved").is_some() => Self::AwaitsSignature,
            _ => Self::AwaitsApproval,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn verdict(status: Value) -> Verdict {
        let request = json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {},
            "spec": {"request": "", "signerName": "a/b"}, "status": status,
        });
        Verdict::of(&serde_json::from_value(request).unwrap())
    }

    fn condition(kind: &str) -> Value {
        json!({"type": kind, "status": "True", "reason": "Because", "message": "it is so"})
    }

    #[test]
    fn each_state_is_told_apart() {
        let because = || "Because: it is so".to_owned();
        assert_eq!(verdict(Value::Null), Verdict::AwaitsApproval);
        assert_eq!(verdict(json!({})), Verdict::AwaitsApproval);
        assert_eq!(verdict(json!({"conditions": [condition("Approved")]})), Verdict::AwaitsSignature);
        assert_eq!(verdict(json!({"conditions": [condition("Denied")]})), Verdict::Denied(because()));
        let failed = json!({"conditions": [condition("Approved"), condition("Failed")]});
        assert_eq!(verdict(failed), Verdict::Failed(because()));
        let issued = json!({"conditions": [condition("Approved")], "certificate": "YQ=="});
        assert_eq!(verdict(issued), Verdict::Issued(b"a".to_vec()));
        let both = json!({"conditions": [condition("Denied")], "certificate": "YQ=="});
        assert_eq!(verdict(both), Verdict::Denied(because()));
    }
}

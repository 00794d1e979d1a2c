//! What people are told about a certificate.

use std::io;
use std::time::Duration;

use jiff::Timestamp;

use crate::certificate::InvalidCertificate;
use crate::renewal::Reason;
use crate::request::RequestError;

/// Something about a certificate that people want to know.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Notice {
    /// A request was made, or found again, and somebody has to approve it.
    #[error(
        "asked for a {kind} ({reason}): the CertificateSigningRequest {name} waits for approval by {signer}'s approver: \
         kubectl certificate approve {name}"
    )]
    AwaitsApproval {
        /// Which certificate.
        kind: &'static str,
        /// Why it is needed.
        reason: Reason,
        /// Name of the request.
        name: String,
        /// Who signs it.
        signer: &'static str,
    },
    /// Somebody approved the request a while ago, and nobody signs it.
    #[error(
        "the CertificateSigningRequest {name} for a {kind} was approved and is not signed: does a signer for {signer} run? In \
         kube-controller-manager it takes --cluster-signing-cert-file and --cluster-signing-key-file"
    )]
    AwaitsSignature {
        /// Which certificate.
        kind: &'static str,
        /// Name of the request.
        name: String,
        /// Who should sign it.
        signer: &'static str,
    },
    /// A certificate was issued and is kept.
    #[error("a {kind} was issued, valid until {not_after}")]
    Issued {
        /// Which certificate.
        kind: &'static str,
        /// End of its validity.
        not_after: Timestamp,
    },
    /// What is kept cannot be used.
    #[error("the {kind} in the state directory cannot be used, another one is asked for: {problem}")]
    Unusable {
        /// Which certificate.
        kind: &'static str,
        /// Why not.
        problem: InvalidCertificate,
    },
    /// There is none yet.
    #[error("there is no new {kind}: {problem}; the next attempt comes in {} s", delay.as_secs())]
    Failed {
        /// Which certificate.
        kind: &'static str,
        /// Why not.
        problem: Problem,
        /// Until the next attempt.
        delay: Duration,
    },
}

impl Notice {
    /// CamelCase, for an Event.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AwaitsApproval { .. } => "CertificateAwaitsApproval",
            Self::AwaitsSignature { .. } => "CertificateAwaitsSignature",
            Self::Issued { .. } => "CertificateIssued",
            Self::Unusable { .. } => "CertificateUnusable",
            Self::Failed { problem: Problem::Denied { .. }, .. } => "CertificateDenied",
            Self::Failed { .. } => "CertificateFailed",
        }
    }

    /// Whether somebody should do something.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Issued { .. } | Self::AwaitsApproval { .. })
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Somebody refused it.
    #[error("the CertificateSigningRequest {name} was denied ({why})")]
    Denied {
        /// Name of the request.
        name: String,
        /// The approver's words.
        why: String,
    },
    /// The signer could not.
    #[error("the CertificateSigningRequest {name} could not be signed ({why})")]
    NotSigned {
        /// Name of the request.
        name: String,
        /// The signer's words.
        why: String,
    },
    /// It was deleted, as the control plane does with those that nobody approves for a day.
    #[error("the CertificateSigningRequest {name} was deleted before it was signed")]
    Deleted {
        /// Name of the request.
        name: String,
    },
    /// We may not ask.
    #[error(
        "not permitted: {verb} certificatesigningrequests.certificates.k8s.io: add it to the ClusterRole ({answer})"
    )]
    Forbidden {
        /// RBAC verb.
        verb: &'static str,
        /// The API server's words.
        answer: String,
    },
    /// The API server did not take it, or did not answer.
    #[error("the API server: {0}")]
    ApiServer(String),
    /// What was issued is not what is needed.
    #[error("what was issued cannot be used: {0}")]
    Invalid(#[from] InvalidCertificate),
    /// What was issued does not say what it has to.
    #[error("what was issued does not help: {0}")]
    Unfit(Reason),
    /// The key cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The files cannot be written.
    #[error("its files cannot be kept in the state directory: {0}")]
    Store(#[from] io::Error),
}

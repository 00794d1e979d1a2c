//! Certificates that the cluster signs for a node: its serving certificate, and the client certificate that it is known by.
//!
//! What a certificate must say is [`Wanted`], when it is asked for anew [`plan`] decides, and what became of a request
//! [`Verdict`] says; these are pure. [`Keeper`] carries them out: it makes a key, sends a
//! [CertificateSigningRequest](https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/), waits
//! for its approval, and keeps what it is given in a [`CertificateStore`], where whoever uses the certificate reads it. A
//! request that waits survives a restart, because its key is kept too. Where nobody has to know whose a certificate is, its
//! own key can sign it ([`Source::OwnKey`]).

mod certificate;
mod keeper;
mod notice;
mod renewal;
mod request;
mod self_signed;
mod signer;
mod store;
mod verdict;
mod wanted;

pub use certificate::{Certificate, CertificateFacts, InvalidCertificate};
pub use keeper::{Keeper, Source, Tell};
pub use notice::{Notice, Problem};
pub use renewal::{Plan, Reason, plan};
pub use request::{PreparedRequest, RequestError};
pub use signer::Signer;
pub use store::CertificateStore;
pub use verdict::Verdict;
pub use wanted::{AlternativeName, Wanted};

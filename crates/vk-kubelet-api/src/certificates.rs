//! The serving certificate and the client authorities: read, checked, and read again when their files change.
//!
//! They meet in one published TLS state that each new connection and each authentication looks at. A certificate that the
//! cluster signs comes as a file too, perhaps later than the start.

mod files;
mod reload;
mod tls;

use std::io;
use std::path::PathBuf;

pub(crate) use files::CertificateFiles;
pub(crate) use reload::Reloader;
pub(crate) use tls::{HTTP2, TlsState};

use crate::settings::Setting;

/// A certificate, key or bundle that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {}: {problem}", path.display())]
pub struct CertificateError {
    /// The setting that names the file.
    pub setting: Setting,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: CertificateProblem,
}

impl CertificateError {
    /// Whether there is no such file.
    fn is_absence(&self) -> bool {
        matches!(&self.problem, CertificateProblem::Unreadable(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// What can be wrong with a PEM file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is no bundle that anyone would mean.
    #[error("is larger than {limit} bytes")]
    TooLarge {
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// It is not PEM.
    #[error("is not valid PEM: {0}")]
    Pem(rustls_pki_types::pem::Error),
    /// There is no `CERTIFICATE` section.
    #[error("holds no certificate (no PEM section CERTIFICATE)")]
    NoCertificate,
    /// There is no section with a private key.
    #[error("holds no private key (no PEM section PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY)")]
    NoKey,
    /// The content is refused, for example because key and certificate do not belong together.
    #[error("cannot be used: {0}")]
    Rejected(#[from] rustls::Error),
    /// The authorities cannot verify anything.
    #[error("cannot be used to verify clients: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

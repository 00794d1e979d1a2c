//! Reading the PEM files.

use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{CertificateError, CertificateProblem};
use crate::digest::Digest;
use crate::settings::{Clients, ServingFiles, Setting};

/// A CA bundle of a large company has some hundred KiB.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// The files that make up the server's TLS state.
#[derive(Debug, Clone)]
pub(crate) struct CertificateFiles {
    serving: ServingFiles,
    client_ca: Option<PathBuf>,
}

/// Their content at one moment.
pub(crate) struct Contents {
    /// `None` while they are awaited.
    serving: Option<Serving>,
    client_ca: Option<Vec<u8>>,
}

/// A serving certificate with its key.
pub(crate) struct Serving {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateFiles {
    pub(crate) fn new(serving: ServingFiles, clients: &Clients) -> Self {
        Self { serving, client_ca: clients.ca.clone() }
    }

    /// Reads all of them.
    pub(crate) async fn read(&self) -> Result<Contents, CertificateError> {
        let client_ca = self.read_one(Setting::ClientCa).await?;
        let serving = match self.read_serving().await {
            Ok(serving) => Some(serving),
            Err(error) if self.serving.awaited && error.is_absence() => None,
            Err(error) => return Err(error),
        };
        Ok(Contents { serving, client_ca })
    }

    async fn read_serving(&self) -> Result<Serving, CertificateError> {
        let certificate = self.read_one(Setting::Certificate).await?.unwrap_or_default();
        let key = self.read_one(Setting::Key).await?.unwrap_or_default();
        Ok(Serving { certificate, key })
    }

    async fn read_one(&self, setting: Setting) -> Result<Option<Vec<u8>>, CertificateError> {
        let Some(path) = self.path(setting) else { return Ok(None) };
        let content = read_bounded(path).await.map_err(|problem| self.error(setting, problem))?;
        Ok(Some(content))
    }

    fn path(&self, setting: Setting) -> Option<&Path> {
        match setting {
            Setting::Certificate => Some(&self.serving.certificate),
            Setting::Key => Some(&self.serving.key),
            Setting::ClientCa => self.client_ca.as_deref(),
        }
    }

    /// An error about the file of this setting.
    pub(crate) fn error(&self, setting: Setting, problem: impl Into<CertificateProblem>) -> CertificateError {
        let path = self.path(setting).map(Path::to_owned).unwrap_or_default();
        CertificateError { setting, path, problem: problem.into() }
    }
}

impl Contents {
    /// Tells contents apart without keeping a private key in memory.
    pub(crate) fn fingerprint(&self) -> Digest {
        let serving = self.serving.as_ref();
        let parts = [serving.map(|s| &s.certificate), serving.map(|s| &s.key), self.client_ca.as_ref()];
        Digest::of(parts.into_iter().map(|part| part.map(Vec::as_slice).unwrap_or_default()))
    }

    /// The serving certificate, if it is there.
    pub(crate) fn serving(&self) -> Option<&Serving> {
        self.serving.as_ref()
    }

    /// The authorities that sign client certificates, if there are any.
    pub(crate) fn client_authorities(&self) -> Result<Option<Vec<CertificateDer<'static>>>, CertificateProblem> {
        self.client_ca.as_deref().map(certificates).transpose()
    }
}

impl Serving {
    /// The serving chain, leaf first.
    pub(crate) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
        certificates(&self.certificate)
    }

    /// The key of the serving certificate.
    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, CertificateProblem> {
        PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateProblem::NoKey,
            error => CertificateProblem::Pem(error),
        })
    }
}

fn certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
    let found =
        CertificateDer::pem_slice_iter(content).collect::<Result<Vec<_>, _>>().map_err(CertificateProblem::Pem)?;
    if found.is_empty() { Err(CertificateProblem::NoCertificate) } else { Ok(found) }
}

async fn read_bounded(path: &Path) -> Result<Vec<u8>, CertificateProblem> {
    let mut content = Vec::new();
    File::open(path).await?.take(FILE_LIMIT + 1).read_to_end(&mut content).await?;
    if content.len() as u64 > FILE_LIMIT {
        return Err(CertificateProblem::TooLarge { limit: FILE_LIMIT });
    }
    Ok(content)
}

//! From certificates to a TLS configuration.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use x509_parser::parse_x509_certificate;

use super::files::{CertificateFiles, Contents};
use super::{CertificateError, CertificateProblem};
use crate::clock::WallClock;
use crate::settings::Setting;

/// The application protocols that are spoken. The API server takes HTTP/1.1 wherever it upgrades.
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What new connections and authentication go by.
pub(crate) struct TlsState {
    /// For the next handshake; `None` while the serving certificate is awaited.
    pub(crate) config: Option<Arc<ServerConfig>>,
    /// Verifies client certificates; `None` if there are no authorities to do so.
    pub(crate) clients: Option<Arc<dyn ClientCertVerifier>>,
    /// End of the serving certificate's validity, where it can be read.
    pub(crate) serving_until: Option<Timestamp>,
}

impl TlsState {
    /// Builds the state, or says which file stands in the way.
    pub(crate) fn build(
        files: &CertificateFiles,
        contents: &Contents,
        clock: &WallClock,
    ) -> Result<Self, CertificateError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients =
            client_verifier(contents, &provider).map_err(|problem| files.error(Setting::ClientCa, problem))?;
        let Some(serving) = contents.serving() else { return Ok(Self { config: None, clients, serving_until: None }) };
        let chain = serving.chain().map_err(|problem| files.error(Setting::Certificate, problem))?;
        let serving_until = chain.first().and_then(|leaf| expiry(leaf));
        let key = serving.key().map_err(|problem| files.error(Setting::Key, problem))?;
        let certified =
            CertifiedKey::from_der(chain, key, &provider).map_err(|error| files.error(Setting::Key, error))?;
        let config = server_config(provider, clock, clients.clone(), certified)
            .map_err(|error| files.error(Setting::Certificate, error))?;
        Ok(Self { config: Some(Arc::new(config)), clients, serving_until })
    }
}

/// Lets clients without a certificate finish the handshake, so that they can be told 401; a certificate that is shown must
/// be good.
fn client_verifier(
    contents: &Contents,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, CertificateProblem> {
    let Some(authorities) = contents.client_authorities()? else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    Ok(Some(verifier))
}

fn server_config(
    provider: Arc<CryptoProvider>,
    clock: &WallClock,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    certified: CertifiedKey,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_details(provider, Arc::new(clock.clone()))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    // A resumed session would skip the verification of the client's certificate.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn expiry(certificate: &[u8]) -> Option<Timestamp> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

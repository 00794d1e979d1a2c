//! One authority, which has signed a server and a client (ECDSA P-256).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;

/// In memory, and in files as a kubelet has them.
pub(super) struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
    server: Signed,
    client: Signed,
    directory: TempDir,
}

struct Signed {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Certificates {
    pub(super) fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let sign = |mut params: CertificateParams, usage| {
            params.distinguished_name.push(DnType::CommonName, "bench");
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate()?;
            anyhow::Ok(Signed { certificate: params.signed_by(&key, &authority)?, key })
        };
        let server = sign(CertificateParams::new(["127.0.0.1".to_owned()])?, ExtendedKeyUsagePurpose::ServerAuth)?;
        let client = sign(CertificateParams::default(), ExtendedKeyUsagePurpose::ClientAuth)?;
        let directory = TempDir::new()?;
        for (name, content) in [
            ("ca.crt", authority.pem()),
            ("tls.crt", server.certificate.pem()),
            ("tls.key", server.key.serialize_pem()),
        ] {
            fs::write(directory.path().join(name), content)?;
        }
        Ok(Self { authority, server, client, directory })
    }

    /// `ca.crt`, `tls.crt` or `tls.key`.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// For a client that shows its certificate.
    pub(super) fn client_config(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone())?;
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let (chain, key) = self.client.der();
        let mut config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// For a server that asks nobody who they are.
    pub(super) fn server_config(&self) -> Result<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let (chain, key) = self.server.der();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl Signed {
    fn der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.certificate.der().clone()], PrivatePkcs8KeyDer::from(self.key.serialize_der()).into())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

//! The certificate authority of a served cluster: it signs what servers and clients of that cluster prove themselves with.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// As long as kubeadm's authority lasts.
const AUTHORITY_VALIDITY: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// As long as kubeadm's certificates last.
const VALIDITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Clocks of clients may be behind.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

/// A certificate that cannot be made, or key material that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The library that makes certificates refused.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// What was read is no PEM of the expected kind.
    #[error("a certificate or key is not valid PEM: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
}

/// A certificate and its private key, PEM.
#[derive(Clone)]
pub struct KeyPairPem {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: String,
}

/// Keys stay out of logs.
impl std::fmt::Debug for KeyPairPem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeyPairPem").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl KeyPairPem {
    pub(crate) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
        Ok(CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>()?)
    }

    pub(crate) fn private_key(&self) -> Result<PrivateKeyDer<'static>, AuthorityError> {
        Ok(PrivateKeyDer::from_pem_slice(self.key.as_bytes())?)
    }
}

/// The names that a server answers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerNames {
    /// DNS names.
    pub dns: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
}

/// One cluster's authority.
#[derive(Clone, Debug)]
pub struct Authority {
    own: KeyPairPem,
}

impl Authority {
    /// A new authority with a key of its own.
    ///
    /// # Errors
    /// [`AuthorityError`] if the key cannot be made.
    pub fn new(now: Timestamp) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params("kubernetes-ca", &[], now, AUTHORITY_VALIDITY);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { own: KeyPairPem { certificate, key: key.serialize_pem() } })
    }

    /// The authority that was made before.
    ///
    /// # Errors
    /// [`AuthorityError`] if certificate or key cannot be read.
    pub fn from_pem(own: KeyPairPem) -> Result<Self, AuthorityError> {
        let authority = Self { own };
        authority.issuer()?;
        Ok(authority)
    }

    /// The authority itself, to be kept. Its certificate is what clients trust.
    #[must_use]
    pub fn own(&self) -> &KeyPairPem {
        &self.own
    }

    /// A serving certificate for these names.
    ///
    /// # Errors
    /// [`AuthorityError`], for instance for a name that no certificate can carry.
    pub fn serving(
        &self,
        common_name: &str,
        names: &ServerNames,
        now: Timestamp,
    ) -> Result<KeyPairPem, AuthorityError> {
        let mut params = params(common_name, &[], now, VALIDITY);
        for name in &names.dns {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        params.subject_alt_names.extend(names.addresses.iter().map(|address| SanType::IpAddress(*address)));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A client certificate. The API server reads the user from the common name, the groups from the organizations
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>).
    ///
    /// # Errors
    /// [`AuthorityError`] if it cannot be made.
    pub fn client(&self, user: &str, groups: &[&str], now: Timestamp) -> Result<KeyPairPem, AuthorityError> {
        let mut params = params(user, groups, now, VALIDITY);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<KeyPairPem, AuthorityError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer()?)?.pem();
        Ok(KeyPairPem { certificate, key: key.serialize_pem() })
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, AuthorityError> {
        Ok(Issuer::from_ca_cert_pem(&self.own.certificate, KeyPair::from_pem(&self.own.key)?)?)
    }
}

fn params(common_name: &str, organizations: &[&str], now: Timestamp, validity: SignedDuration) -> CertificateParams {
    let mut name = DistinguishedName::new();
    for organization in organizations {
        name.push(DnType::OrganizationName, *organization);
    }
    name.push(DnType::CommonName, common_name);
    let since_epoch = |at: Timestamp| Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default());
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(now - BACKDATED);
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(now + validity);
    params
}

//! Certificate authorities and the certificates they issue.

use std::fs;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::files::write_whole;

/// A certificate and its private key, both PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Issued {
    /// Writes `<stem>.crt` and `<stem>.key` and answers with the two paths.
    pub(crate) fn write(&self, stem: &Path) -> Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (stem.with_added_extension("crt"), stem.with_added_extension("key"));
        write_whole(&key, self.key.as_bytes())?;
        write_whole(&certificate, self.certificate.as_bytes())?;
        Ok((certificate, key))
    }
}

/// Whom a certificate names. Kubernetes reads the common name as the user and each organization as a group
/// ([X.509 client certificates](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates)).
pub(crate) struct Subject<'a> {
    pub(crate) user: &'a str,
    pub(crate) group: Option<&'a str>,
}

impl Subject<'_> {
    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.user);
        if let Some(group) = self.group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params
    }
}

/// A certificate authority: `<name>.crt` and `<name>.key` in some directory.
pub(crate) struct Authority {
    certificate_path: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes the authority and writes its files.
    pub(crate) fn create(directory: &Path, name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = Self::params(name).self_signed(&key)?.pem();
        Issued { certificate, key: key.serialize_pem() }.write(&directory.join(name))?;
        Ok(Self::from_key(directory, name, key))
    }

    /// Reads an authority that [`create`](Self::create) wrote, perhaps in another process.
    pub(crate) fn open(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(name).with_extension("key");
        let pem = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let key = KeyPair::from_pem(&pem).with_context(|| format!("{} holds no private key", path.display()))?;
        Ok(Self::from_key(directory, name, key))
    }

    fn from_key(directory: &Path, name: &str, key: KeyPair) -> Self {
        let certificate_path = directory.join(name).with_extension("crt");
        Self { certificate_path, issuer: Issuer::new(Self::params(name), key) }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = Subject { user: name, group: None }.params();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    /// The PEM file of the authority's own certificate.
    pub(crate) fn certificate_path(&self) -> &Path {
        &self.certificate_path
    }

    /// Issues a certificate that authenticates a client.
    pub(crate) fn client(&self, subject: &Subject<'_>) -> Result<Issued> {
        self.issue(subject.params(), vec![ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// Issues a certificate that authenticates a server under these names and addresses.
    pub(crate) fn server(&self, subject: &Subject<'_>, names: &[&str], addresses: &[IpAddr]) -> Result<Issued> {
        self.issue(with_names(subject, names, addresses)?, vec![ExtendedKeyUsagePurpose::ServerAuth])
    }

    /// Issues a certificate for a member that is both server and client, as etcd's peers are.
    pub(crate) fn peer(&self, subject: &Subject<'_>, names: &[&str], addresses: &[IpAddr]) -> Result<Issued> {
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(with_names(subject, names, addresses)?, usages)
    }

    /// Issues a certificate that authenticates a client, or a server where there are addresses, valid between two moments
    /// in seconds since 1970.
    pub(crate) fn valid_between(
        &self,
        subject: &Subject<'_>,
        addresses: &[IpAddr],
        valid: Option<Range<u64>>,
    ) -> Result<Issued> {
        let mut params = with_names(subject, &[], addresses)?;
        if let Some(valid) = valid {
            let since_epoch = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
            (params.not_before, params.not_after) = (since_epoch(valid.start), since_epoch(valid.end));
        }
        let usage = if addresses.is_empty() {
            ExtendedKeyUsagePurpose::ClientAuth
        } else {
            ExtendedKeyUsagePurpose::ServerAuth
        };
        self.issue(params, vec![usage])
    }

    fn issue(&self, mut params: CertificateParams, usages: Vec<ExtendedKeyUsagePurpose>) -> Result<Issued> {
        let key = KeyPair::generate()?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem() })
    }
}

fn with_names(subject: &Subject<'_>, names: &[&str], addresses: &[IpAddr]) -> Result<CertificateParams> {
    let mut params = subject.params();
    for name in names {
        params.subject_alt_names.push(SanType::DnsName((*name).try_into()?));
    }
    params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
    Ok(params)
}

/// Writes a key pair that signs service account tokens: `<stem>.key` (private) and `<stem>.pub`.
pub(crate) fn write_signing_key(stem: &Path) -> Result<()> {
    let key = KeyPair::generate()?;
    write_whole(&stem.with_extension("key"), key.serialize_pem().as_bytes())?;
    write_whole(&stem.with_extension("pub"), key.public_key_pem().as_bytes())
}

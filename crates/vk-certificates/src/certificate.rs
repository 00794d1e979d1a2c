//! [`Certificate`]: a chain with its key, and what the leaf says.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::wanted::AlternativeName;

/// A certificate chain and the leaf's private key, PEM in one text.
#[derive(Clone)]
pub struct Certificate {
    pem: String,
    facts: CertificateFacts,
}

/// What the leaf of a chain says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Beginning of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// The user that it names; empty if none.
    pub common_name: String,
    /// The names and addresses that a server with it answers under.
    pub names: BTreeSet<AlternativeName>,
}

/// A text that holds no certificate which could be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCertificate(&'static str);

impl Certificate {
    /// Reads a text that [`Self::pem`] gave.
    ///
    /// # Errors
    /// If it holds no certificate, or not its key.
    pub fn parse(pem: &str) -> Result<Self, InvalidCertificate> {
        let key = KeyPair::from_pem(pem).map_err(|_| InvalidCertificate("it holds no private key"))?;
        let leaf = CertificateDer::pem_slice_iter(pem.as_bytes()).next();
        let leaf = leaf.and_then(Result::ok).ok_or(InvalidCertificate("it holds no certificate"))?;
        let (_, leaf) =
            parse_x509_certificate(&leaf).map_err(|_| InvalidCertificate("its certificate cannot be parsed"))?;
        if leaf.public_key().raw != key.subject_public_key_info() {
            return Err(InvalidCertificate("certificate and key do not belong together"));
        }
        Ok(Self { pem: pem.to_owned(), facts: facts(&leaf)? })
    }

    /// A chain that was issued for this key.
    ///
    /// # Errors
    /// If it is none, or is somebody else's.
    pub fn issued(chain: &[u8], key_pem: &str) -> Result<Self, InvalidCertificate> {
        let chain = std::str::from_utf8(chain).map_err(|_| InvalidCertificate("it is not PEM"))?;
        // The key comes first: whatever else a signer sends, it is ours that is found.
        Self::parse(&format!("{}\n{}\n", key_pem.trim(), chain.trim()))
    }

    /// Key and chain.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What the leaf says.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }
}

/// Without the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("facts", &self.facts).finish_non_exhaustive()
    }
}

fn facts(leaf: &X509Certificate<'_>) -> Result<CertificateFacts, InvalidCertificate> {
    let time = |seconds| Timestamp::from_second(seconds).map_err(|_| InvalidCertificate("its validity has no end"));
    let common_name = leaf.subject().iter_common_name().last().and_then(|name| name.as_str().ok()).unwrap_or_default();
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|extension| &extension.value.general_names).filter_map(alternative_name);
    Ok(CertificateFacts {
        not_before: time(leaf.validity().not_before.timestamp())?,
        not_after: time(leaf.validity().not_after.timestamp())?,
        common_name: common_name.to_owned(),
        names: names.collect(),
    })
}

fn alternative_name(name: &GeneralName<'_>) -> Option<AlternativeName> {
    match name {
        GeneralName::DNSName(name) => Some(AlternativeName::Dns(name.to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => {
            let address = match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
            };
            address.map(AlternativeName::Ip)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, date_time_ymd};

    use super::*;

    fn params() -> CertificateParams {
        let mut params =
            CertificateParams::new(["A.example".to_owned(), "10.0.0.1".to_owned(), "::1".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "system:node:a");
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 1, 2));
        params
    }

    #[test]
    fn what_was_issued_is_read_with_its_facts() {
        let key = KeyPair::generate().unwrap();
        let chain = params().self_signed(&key).unwrap().pem();
        let certificate = Certificate::issued(chain.as_bytes(), &key.serialize_pem()).unwrap();
        let facts = certificate.facts();
        assert_eq!(facts.not_before.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(facts.not_after.to_string(), "2026-01-02T00:00:00Z");
        assert_eq!(facts.common_name, "system:node:a");
        let names: Vec<String> = facts.names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a.example", "10.0.0.1", "::1"]);
        assert_eq!(Certificate::parse(certificate.pem()).unwrap().facts(), facts);
        assert!(!format!("{certificate:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let chain = params().self_signed(&key).unwrap().pem();
        let why = |chain: &str, key: &str| Certificate::issued(chain.as_bytes(), key).unwrap_err().to_string();
        assert!(why(&chain, &other.serialize_pem()).contains("do not belong together"));
        assert!(why("", &key.serialize_pem()).contains("no certificate"));
        assert!(why(&chain, "").contains("no private key"));
        let stolen = format!("{}{chain}", other.serialize_pem());
        assert!(Certificate::issued(stolen.as_bytes(), &key.serialize_pem()).is_ok(), "our key comes first");
    }
}

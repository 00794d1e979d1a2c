//! [`PreparedRequest`]: a key and the PKCS #10 request (RFC 2986) that is signed with it.

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use kube::api::ObjectMeta;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData, SanType};
use sha2::{Digest, Sha256};

use crate::wanted::{AlternativeName, Wanted};

/// How much of a digest a request's name carries, in bytes.
const NAME_DIGEST: usize = 10;

/// A request that only has to be sent.
pub struct PreparedRequest {
    name: String,
    pem: String,
    signer: &'static str,
    usages: [&'static str; 2],
    key_pem: String,
}

/// A key or request that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot make the request: {0}")]
pub struct RequestError(#[from] rcgen::Error);

impl PreparedRequest {
    /// A request with this key, or with a new one (ECDSA, P-256) if there is none that can be used.
    ///
    /// # Errors
    /// If there is no randomness for a key.
    pub fn new(wanted: &Wanted, key_pem: Option<&str>) -> Result<Self, RequestError> {
        let kept = key_pem.and_then(|pem| KeyPair::from_pem(pem).ok());
        let key = kept.map_or_else(KeyPair::generate, Ok)?;
        let pem = params(wanted)?.serialize_request(&key)?.pem()?;
        Ok(Self {
            name: name(wanted, &key),
            pem,
            signer: wanted.signer(),
            usages: wanted.usages(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Name of the CertificateSigningRequest: the same for the same key and content, so that an agent which comes back
    /// finds the request that it made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The private key, PEM.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The object to be created.
    pub fn object(&self) -> CertificateSigningRequest {
        CertificateSigningRequest {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            spec: CertificateSigningRequestSpec {
                request: ByteString(self.pem.clone().into_bytes()),
                signer_name: self.signer.to_owned(),
                usages: Some(self.usages.map(str::to_owned).to_vec()),
                ..CertificateSigningRequestSpec::default()
            },
            status: None,
        }
    }
}

/// Subject and names, as every certificate of this kind has them.
pub(crate) fn params(wanted: &Wanted) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, wanted.organization());
    params.distinguished_name.push(DnType::CommonName, wanted.common_name());
    for name in wanted.names() {
        params.subject_alt_names.push(match name {
            AlternativeName::Dns(name) => SanType::DnsName(Ia5String::try_from(name)?),
            AlternativeName::Ip(address) => SanType::IpAddress(address),
        });
    }
    Ok(params)
}

fn name(wanted: &Wanted, key: &KeyPair) -> String {
    let mut digest = Sha256::new();
    digest.update(key.subject_public_key_info());
    digest.update(wanted.common_name());
    for name in wanted.names() {
        digest.update([0]);
        digest.update(name.to_string());
    }
    let digest: String = digest.finalize().iter().take(NAME_DIGEST).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digest}", wanted.stem())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use vk_core::node::NodeName;
    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::extensions::ParsedExtension;
    use x509_parser::pem::parse_x509_pem;
    use x509_parser::prelude::FromDer;

    use super::*;

    fn serving(names: &[AlternativeName]) -> Wanted {
        Wanted::Serving { node: NodeName::parse("virtual-1").unwrap(), names: names.iter().cloned().collect() }
    }

    fn names() -> [AlternativeName; 2] {
        [AlternativeName::Dns("virtual-1".to_owned()), AlternativeName::Ip([10, 0, 0, 1].into())]
    }

    #[test]
    fn the_request_says_what_is_wanted() {
        let object = PreparedRequest::new(&serving(&names()), None).unwrap().object();
        assert_eq!(object.spec.signer_name, "kubernetes.io/kubelet-serving");
        assert_eq!(object.spec.usages.unwrap(), ["digital signature", "server auth"]);
        let (_, pem) = parse_x509_pem(&object.spec.request.0).unwrap();
        let (_, request) = X509CertificationRequest::from_der(&pem.contents).unwrap();
        assert_eq!(request.certification_request_info.subject.to_string(), "O=system:nodes, CN=system:node:virtual-1");
        let found: Vec<&ParsedExtension<'_>> = request.requested_extensions().unwrap().collect();
        assert!(format!("{found:?}").contains("virtual-1"), "{found:?}");
        assert!(format!("{found:?}").contains("[10, 0, 0, 1]"), "{found:?}");
    }

    #[test]
    fn the_same_key_and_content_have_the_same_name() {
        let first = PreparedRequest::new(&serving(&names()), None).unwrap();
        let again = PreparedRequest::new(&serving(&names()), Some(first.key_pem())).unwrap();
        assert_eq!((again.name(), again.key_pem()), (first.name(), first.key_pem()));
        let fewer = PreparedRequest::new(&serving(&names()[..1]), Some(first.key_pem())).unwrap();
        assert_ne!(fewer.name(), first.name());
        let other_key = PreparedRequest::new(&serving(&names()), Some("no key at all")).unwrap();
        assert_ne!(other_key.name(), first.name());
        assert!(first.name().starts_with("kubelet-server-"));
    }

    #[test]
    fn a_client_certificate_names_no_server() {
        let wanted = Wanted::Client { node: NodeName::parse("virtual-1").unwrap() };
        let object = PreparedRequest::new(&wanted, None).unwrap().object();
        let (_, pem) = parse_x509_pem(&object.spec.request.0).unwrap();
        let (_, request) = X509CertificationRequest::from_der(&pem.contents).unwrap();
        assert_eq!(request.requested_extensions().map_or(0, Iterator::count), 0);
        assert_eq!(wanted.names(), BTreeSet::new());
    }
}

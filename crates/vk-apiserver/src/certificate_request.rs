//! Reading PKCS #10 certificate requests (RFC 2986) and PEM (RFC 7468), as far as the API server looks into them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;

/// For whom a certificate is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) common_name: String,
    pub(crate) organizations: Vec<String>,
}

impl Subject {
    /// The subject of a base64-encoded PEM document; the error is the server's sentence.
    pub(crate) fn of_request(encoded: &str) -> Result<Self, &'static str> {
        const NO_REQUEST: &str = "PEM block type must be CERTIFICATE REQUEST";
        let text = STANDARD.decode(encoded).map_err(|_| NO_REQUEST)?;
        let block = Pem::iter_from_buffer(&text).next().and_then(Result::ok).ok_or(NO_REQUEST)?;
        if block.label != "CERTIFICATE REQUEST" {
            return Err(NO_REQUEST);
        }
        let (_, request) = X509CertificationRequest::from_der(&block.contents).map_err(|_| "asn1: structure error")?;
        let subject = &request.certification_request_info.subject;
        let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            attribute.as_str().unwrap_or_default().to_owned()
        };
        Ok(Self {
            common_name: subject.iter_common_name().next().map(text).unwrap_or_default(),
            organizations: subject.iter_organization().map(text).collect(),
        })
    }
}

/// Whether a base64-encoded document holds a certificate in PEM.
pub(crate) fn holds_certificate(encoded: &str) -> bool {
    let text = STANDARD.decode(encoded).unwrap_or_default();
    Pem::iter_from_buffer(&text).filter_map(Result::ok).any(|block| block.label == "CERTIFICATE")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl req -new -subj '/O=system:nodes/CN=system:node:a'` with a P-256 key.
    const REQUEST: &str = include_str!("certificate_request/request.pem");

    #[test]
    fn the_subject_is_read() {
        let subject = Subject::of_request(&STANDARD.encode(REQUEST)).unwrap();
        assert_eq!(subject.common_name, "system:node:a");
        assert_eq!(subject.organizations, ["system:nodes"]);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in ["", "nothing", "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"] {
            assert!(Subject::of_request(&STANDARD.encode(text)).is_err(), "{text}");
        }
        let garbled = "-----BEGIN CERTIFICATE REQUEST-----\neA==\n-----END CERTIFICATE REQUEST-----\n";
        assert_eq!(Subject::of_request(&STANDARD.encode(garbled)), Err("asn1: structure error"));
    }
}

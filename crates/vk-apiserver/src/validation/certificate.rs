//! CertificateSigningRequests (`pkg/apis/certificates/validation`).

use serde_json::Value;

use super::name_is_dns_subdomain;
use crate::api_error::FieldError;
use crate::certificate_request::{Subject, holds_certificate};
use crate::object::Object;

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
const SHORTEST_SECONDS: i64 = 600;

/// What is wrong with a new request.
pub(crate) fn validate_signing_request(request: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Err(error) = Subject::of_request(request.text("/spec/request")) {
        let value = request.at("/spec/request").cloned().unwrap_or(Value::Null);
        errors.push(FieldError::invalid("spec.request", value, error));
    }
    errors.extend(usages(request));
    let signer = request.text("/spec/signerName");
    if signer.is_empty() {
        errors.push(FieldError::required("spec.signerName", ""));
    } else if !is_qualified(signer) {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        errors.push(FieldError::invalid("spec.signerName", signer, detail));
    }
    if let Some(seconds) = request.integer("/spec/expirationSeconds").filter(|seconds| *seconds < SHORTEST_SECONDS) {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(FieldError::invalid("spec.expirationSeconds", seconds, detail));
    }
    errors
}

/// What is wrong with a change through `/approval`, or through another path, which may not touch the verdict.
pub(crate) fn validate_signing_request_update(new: &Object, old: &Object, approves: bool) -> Vec<FieldError> {
    let mut errors = conditions(new);
    let has = |request: &Object, kind: &str| types(request).any(|own| own == kind);
    for kind in ["Approved", "Denied", "Failed"] {
        if has(old, kind) && !has(new, kind) {
            let detail = format!("updates may not remove a condition of type {kind:?}");
            errors.push(FieldError::forbidden("status.conditions", &detail));
        }
    }
    for kind in ["Approved", "Denied"] {
        if !approves && has(new, kind) && !has(old, kind) {
            let detail = format!("updates may not add a condition of type {kind:?}");
            errors.push(FieldError::forbidden("status.conditions", &detail));
        }
    }
    let certificate = new.text("/status/certificate");
    if !certificate.is_empty() && certificate != old.text("/status/certificate") && !holds_certificate(certificate) {
        let detail = "must contain at least one CERTIFICATE PEM block";
        errors.push(FieldError::invalid("status.certificate", "<certificate data>", detail));
    }
    errors
}

fn usages(request: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let usages = request.items("/spec/usages");
    if usages.is_empty() {
        errors.push(FieldError::required("spec.usages", ""));
    }
    for (index, usage) in usages.iter().enumerate() {
        let text = usage.as_str().unwrap_or_default();
        if !USAGES.contains(&text) {
            errors.push(FieldError::not_supported(format!("spec.usages[{index}]"), text, &USAGES));
        } else if usages.iter().take(index).any(|earlier| earlier == usage) {
            errors.push(FieldError::duplicate(format!("spec.usages[{index}]"), text));
        }
    }
    errors
}

fn conditions(request: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, condition) in request.items("/status/conditions").iter().enumerate() {
        let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
        let path = format!("status.conditions[{index}]");
        if text("type").is_empty() {
            errors.push(FieldError::required(format!("{path}.type"), ""));
        }
        match (text("type"), text("status")) {
            (_, "") => errors.push(FieldError::required(format!("{path}.status"), "")),
            ("Approved" | "Denied" | "Failed", "True") => {}
            ("Approved" | "Denied" | "Failed", other) => {
                errors.push(FieldError::not_supported(format!("{path}.status"), other, &["True"]));
            }
            _ => {}
        }
    }
    if types(request).any(|kind| kind == "Approved") && types(request).any(|kind| kind == "Denied") {
        let detail = "Approved and Denied conditions are mutually exclusive";
        errors.push(FieldError::invalid("status.conditions", "Denied", detail));
    }
    errors
}

fn types(request: &Object) -> impl Iterator<Item = &str> {
    request.items("/status/conditions").iter().filter_map(|condition| condition.get("type").and_then(Value::as_str))
}

/// `example.com/name`.
fn is_qualified(signer: &str) -> bool {
    let Some((domain, path)) = signer.split_once('/') else { return false };
    domain.contains('.') && name_is_dns_subdomain(domain).is_none() && name_is_dns_subdomain(path).is_none()
}

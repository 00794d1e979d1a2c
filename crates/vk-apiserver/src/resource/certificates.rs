//! CertificateSigningRequests. Nothing signs them here: a test approves and issues through `/approval` and `/status`.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::{GENERIC, PatchType};

/// The strategy of CSRs.
pub(super) struct SigningRequests;

impl Strategy for SigningRequests {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<CertificateSigningRequest>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn prepare_create(&self, request: &mut Object) {
        request.set("/status", json!({}));
    }

    fn validate(&self, request: &Object) -> Vec<FieldError> {
        ["request", "signerName", "usages"]
            .into_iter()
            .filter(|field| request.at(&format!("/spec/{field}")).is_none())
            .map(|field| FieldError::required(format!("spec.{field}"), ""))
            .collect()
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/spec", old);
        new.copy_from("/status", old);
    }

    fn prepare_status_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/spec", old);
        // Conditions are the approval's.
        new.copy_from("/status/conditions", old);
    }
}

//! CertificateSigningRequests. Nothing signs them here: a test approves and issues through `/approval` and `/status`.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::{GENERIC, PatchType};
use crate::validation::{path_segment_error, validate_signing_request, validate_signing_request_update};

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
        validate_signing_request(request)
    }

    /// Names of requests are made by their senders from what they hold: nearly anything.
    fn name_error(&self, name: &str) -> Option<String> {
        path_segment_error(name)
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/spec", old);
        new.copy_from("/status", old);
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_signing_request_update(new, old, false)
    }

    fn validate_status_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_signing_request_update(new, old, false)
    }

    fn validate_approval(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_signing_request_update(new, old, true)
    }
}

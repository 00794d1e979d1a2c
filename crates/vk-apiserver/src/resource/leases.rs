//! Leases (`pkg/registry/coordination/lease`).

use k8s_openapi::api::coordination::v1::Lease;
use serde_json::Value;

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::clock::is_micro_time;
use crate::object::Object;
use crate::patch::{GENERIC, PatchType};

/// The strategy of Leases: PUT creates, and needs a resourceVersion to overwrite.
pub(super) struct Leases;

impl Strategy for Leases {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        for field in ["acquireTime", "renewTime"] {
            let time = value.pointer(&format!("/spec/{field}")).and_then(Value::as_str);
            if let Some(time) = time.filter(|time| !is_micro_time(time)) {
                return Err(DecodeError(format!("parsing time {time:?}: exactly six decimals are expected")));
            }
        }
        typed::<Lease>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn default(&self, lease: &mut Object) {
        lease.set_default("/spec", serde_json::json!({}));
    }

    fn validate(&self, lease: &Object) -> Vec<FieldError> {
        let positive = |field: &str, least: i64, detail: &str| {
            let value = lease.integer(&format!("/spec/{field}"))?;
            (value < least).then(|| FieldError::invalid(format!("spec.{field}"), value, detail))
        };
        [
            positive("leaseDurationSeconds", 1, "must be greater than 0"),
            positive("leaseTransitions", 0, "must be greater than or equal to 0"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn creates_on_update(&self) -> bool {
        true
    }

    fn updates_unconditionally(&self) -> bool {
        false
    }
}

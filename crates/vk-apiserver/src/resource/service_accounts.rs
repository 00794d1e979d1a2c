//! ServiceAccounts.

use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::Value;

use super::strategy::{DecodeError, Strategy, typed};
use crate::patch::{PatchType, SERVICE_ACCOUNT};

/// The strategy of ServiceAccounts. Their tokens are in `kernel/token_request.rs`.
pub(super) struct ServiceAccounts;

impl Strategy for ServiceAccounts {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<ServiceAccount>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &SERVICE_ACCOUNT
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

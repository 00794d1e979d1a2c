//! PersistentVolumeClaims and PersistentVolumes.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::{CLAIM, GENERIC, PatchType};
use crate::quantity::Quantity;

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// The strategy of claims.
pub(super) struct Claims;

impl Strategy for Claims {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<PersistentVolumeClaim>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &CLAIM
    }

    fn default(&self, claim: &mut Object) {
        claim.set_default("/spec/volumeMode", "Filesystem");
        claim.set_default("/status/phase", "Pending");
    }

    fn prepare_create(&self, claim: &mut Object) {
        claim.set("/status", json!({"phase": "Pending"}));
    }

    fn validate(&self, claim: &Object) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if claim.items("/spec/accessModes").is_empty() {
            errors.push(FieldError::required("spec.accessModes", "at least 1 access mode is required"));
        }
        for mode in claim.items("/spec/accessModes").iter().filter_map(Value::as_str) {
            if !ACCESS_MODES.contains(&mode) {
                errors.push(FieldError::not_supported("spec.accessModes", mode, &ACCESS_MODES));
            }
        }
        let storage = claim.text("/spec/resources/requests/storage");
        if storage.is_empty() {
            errors.push(FieldError::required("spec.resources[storage]", ""));
        } else if Quantity::parse(storage).is_none_or(|amount| amount <= Quantity::ZERO) {
            errors.push(FieldError::invalid("spec.resources[storage]", storage, "must be greater than zero"));
        }
        errors
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        let mut errors = self.validate(new);
        let fixed = |claim: &Object| {
            let mut claim = claim.clone();
            claim.remove("/spec/resources/requests");
            claim.remove("/spec/volumeAttributesClassName");
            claim.at("/spec").cloned()
        };
        // A claim without a volume may still get one.
        let binds = old.text("/spec/volumeName").is_empty() && !new.text("/spec/volumeName").is_empty();
        if !binds && fixed(new) != fixed(old) {
            let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
            errors.push(FieldError::forbidden("spec", detail));
        }
        errors
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/status", old);
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

/// The strategy of volumes.
pub(super) struct Volumes;

impl Strategy for Volumes {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<PersistentVolume>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &GENERIC
    }

    fn default(&self, volume: &mut Object) {
        volume.set_default("/spec/persistentVolumeReclaimPolicy", "Retain");
        volume.set_default("/spec/volumeMode", "Filesystem");
        volume.set_default("/status/phase", "Pending");
        if volume.at("/spec/hostPath").is_some() {
            volume.set_default("/spec/hostPath/type", "");
        }
    }

    fn prepare_create(&self, volume: &mut Object) {
        volume.set("/status", json!({"phase": "Pending"}));
    }

    fn validate(&self, volume: &Object) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if volume.items("/spec/accessModes").is_empty() {
            errors.push(FieldError::required("spec.accessModes", ""));
        }
        if volume.strings("/spec/capacity").is_empty() {
            errors.push(FieldError::required("spec.capacity", ""));
        }
        errors
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/status", old);
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

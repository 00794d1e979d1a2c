//! PersistentVolumeClaims and PersistentVolumes.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::{CLAIM, GENERIC, PatchType};

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
        if claim.text("/spec/resources/requests/storage").is_empty() {
            errors.push(FieldError::required("spec.resources[storage]", ""));
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

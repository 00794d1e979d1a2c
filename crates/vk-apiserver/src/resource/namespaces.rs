//! Namespaces (`pkg/registry/core/namespace`).

use k8s_openapi::api::core::v1::Namespace;
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::object::Object;
use crate::patch::{NAMESPACE, PatchType};
use crate::validation::name_is_dns_label;

/// The strategy of namespaces. How they end is in `kernel/delete.rs` and `controller/namespace_deletion.rs`.
pub(super) struct Namespaces;

impl Strategy for Namespaces {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<Namespace>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &NAMESPACE
    }

    fn default(&self, namespace: &mut Object) {
        let name = namespace.name().to_owned();
        if !name.is_empty() {
            namespace.set("/metadata/labels/kubernetes.io~1metadata.name", name);
        }
        namespace.set_default("/status/phase", "Active");
        for condition in namespace.items_mut("/status/conditions").iter_mut().filter_map(Value::as_object_mut) {
            condition.entry("lastTransitionTime").or_insert(Value::Null);
        }
    }

    fn prepare_create(&self, namespace: &mut Object) {
        namespace.set("/status", json!({"phase": "Active"}));
        namespace.set("/spec/finalizers", json!(["kubernetes"]));
    }

    fn name_error(&self, name: &str) -> Option<String> {
        name_is_dns_label(name)
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/spec", old);
        new.copy_from("/status", old);
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

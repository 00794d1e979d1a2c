//! Services. Cluster IPs are given out by `kernel/service_addresses.rs`.

use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::object::Object;
use crate::patch::{PatchType, SERVICE};
use crate::validation::name_is_dns_label;

/// The strategy of Services.
pub(super) struct Services;

impl Strategy for Services {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<Service>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &SERVICE
    }

    fn default(&self, service: &mut Object) {
        service.set_default("/spec/type", "ClusterIP");
        service.set_default("/spec/sessionAffinity", "None");
        service.set_default("/spec/internalTrafficPolicy", "Cluster");
        for port in service.items_mut("/spec/ports") {
            if let Value::Object(port) = port {
                port.entry("protocol").or_insert_with(|| "TCP".into());
                if let Some(number) = port.get("port").cloned() {
                    port.entry("targetPort").or_insert(number);
                }
            }
        }
        service.set_default("/status/loadBalancer", json!({}));
    }

    fn prepare_create(&self, service: &mut Object) {
        service.set("/status", json!({"loadBalancer": {}}));
    }

    fn name_error(&self, name: &str) -> Option<String> {
        name_is_dns_label(name)
    }

    fn validate(&self, service: &Object) -> Vec<FieldError> {
        let headless = service.text("/spec/clusterIP") == "None";
        let external = service.text("/spec/type") == "ExternalName";
        let ports = service.items("/spec/ports");
        let mut errors = Vec::new();
        if ports.is_empty() && !headless && !external {
            errors.push(FieldError::required("spec.ports", ""));
        }
        for (index, port) in ports.iter().enumerate() {
            let number = port.get("port").and_then(Value::as_i64).unwrap_or_default();
            if !(1..=65535).contains(&number) {
                let path = format!("spec.ports[{index}].port");
                errors.push(FieldError::invalid(path, number, "must be between 1 and 65535, inclusive"));
            }
            if ports.len() > 1 && port.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
                errors.push(FieldError::required(format!("spec.ports[{index}].name"), ""));
            }
        }
        errors
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/status", old);
        for field in ["/spec/clusterIP", "/spec/clusterIPs", "/spec/ipFamilies", "/spec/ipFamilyPolicy"] {
            if new.at(field).is_none() {
                new.copy_from(field, old);
            }
        }
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        let mut errors = self.validate(new);
        let before = old.text("/spec/clusterIP");
        if !before.is_empty() && new.text("/spec/clusterIP") != before {
            let value = json!([new.text("/spec/clusterIP")]);
            errors.push(FieldError::invalid("spec.clusterIPs[0]", value, "may not change once set"));
        }
        errors
    }

    fn creates_on_update(&self) -> bool {
        true
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

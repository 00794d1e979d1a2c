//! Nodes (`pkg/registry/core/node/strategy.go`).

use k8s_openapi::api::core::v1::Node;
use serde_json::Value;

use super::strategy::{DecodeError, Strategy, typed};
use crate::api_error::FieldError;
use crate::defaults::fill_node_zero_values;
use crate::object::Object;
use crate::patch::{NODE, PatchType};
use crate::validation::{validate_node, validate_node_update};

/// The strategy of nodes. A node's status is kept when it is created.
pub(super) struct Nodes;

impl Strategy for Nodes {
    fn decode(&self, value: Value) -> Result<Value, DecodeError> {
        typed::<Node>(value)
    }

    fn patch_type(&self) -> &'static PatchType {
        &NODE
    }

    fn default(&self, node: &mut Object) {
        if node.at("/status/allocatable").is_none()
            && let Some(capacity) = node.at("/status/capacity").cloned()
        {
            node.set("/status/allocatable", capacity);
        }
        fill_node_zero_values(node);
    }

    fn validate(&self, node: &Object) -> Vec<FieldError> {
        validate_node(node)
    }

    fn prepare_update(&self, new: &mut Object, old: &Object) {
        new.copy_from("/status", old);
    }

    fn validate_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_node_update(new, old)
    }

    fn validate_status_update(&self, new: &Object, old: &Object) -> Vec<FieldError> {
        validate_node_update(new, old)
    }
}

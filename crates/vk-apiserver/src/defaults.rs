//! Values that the server fills in (`pkg/apis/core/v1/defaults.go`).

mod containers;
mod pod;
mod qos;
mod volumes;
mod zero_values;

pub(crate) use pod::{default_pod, default_pod_template};
pub(crate) use qos::qos_class;
pub(crate) use zero_values::of_node as fill_node_zero_values;

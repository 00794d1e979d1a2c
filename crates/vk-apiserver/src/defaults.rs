//! Values that the server fills in (`pkg/apis/core/v1/defaults.go`).

mod containers;
mod pod;
mod qos;
mod volumes;

pub(crate) use pod::default_pod;
pub(crate) use qos::qos_class;

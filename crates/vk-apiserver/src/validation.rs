//! What values objects may have: the parts of `k8s.io/kubernetes/pkg/apis/core/validation` that a node agent can meet.

mod certificate;
mod event;
mod ip_addresses;
mod job;
mod metadata;
mod names;
mod node;
mod pod_spec;
mod pod_status;
mod pod_update;

pub(crate) use certificate::{validate_signing_request, validate_signing_request_update};
pub(crate) use event::{EventApi, validate_event, validate_event_update};
pub(crate) use job::{validate_job, validate_job_update};
pub(crate) use metadata::{validate_metadata, validate_metadata_update};
pub(crate) use names::{
    label_key_errors, label_value_error, name_is_dns_label, name_is_dns_subdomain, path_segment_error,
    qualified_name_error,
};
pub(crate) use node::{validate_node, validate_node_update};
pub(crate) use pod_spec::{validate_new_pod, validate_pod_spec, validate_pod_template};
pub(crate) use pod_status::validate_pod_status_update;
pub(crate) use pod_update::{validate_ephemeral_update, validate_pod_update};

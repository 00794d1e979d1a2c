//! The three patch formats: JSON patch (RFC 6902), merge patch (RFC 7386) and Kubernetes' strategic merge patch.

mod json_patch;
mod merge_patch;
mod schema;
mod strategic;
mod strategic_lists;

pub(crate) use json_patch::apply as apply_json_patch;
pub(crate) use merge_patch::apply as apply_merge_patch;
pub(crate) use schema::{CLAIM, GENERIC, JOB, NAMESPACE, NODE, POD, PatchType, SERVICE, SERVICE_ACCOUNT};
pub(crate) use strategic::apply as apply_strategic_patch;

/// Why a patch could not be applied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum PatchError {
    /// The document is no patch of its format: 400.
    #[error("{0}")]
    Malformed(String),
    /// A well-formed patch that does not fit the object: 422.
    #[error("{0}")]
    Inapplicable(String),
    /// What Kubernetes answers with 500, such as a list element without its merge key.
    #[error("{0}")]
    Internal(String),
}

//! [`OwnedFields`]: which parts of the Node we put there, remembered in the Node itself.
//!
//! What others add to the Node survives, and what we no longer want goes, also when the wish changed while no agent ran. Both
//! need to know which is which; well-known labels and the core's own conditions need no remembering.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::shape::Taint;

/// Names of what this agent, or one before it, put on the Node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnedFields {
    /// Keys of labels.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
    /// Keys of annotations.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub annotations: BTreeSet<String>,
    /// Taints as `key:effect`, which is what tells them apart.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub taints: BTreeSet<String>,
    /// Names of resources.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub resources: BTreeSet<String>,
    /// Types of conditions.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub conditions: BTreeSet<String>,
}

impl OwnedFields {
    /// The annotation that holds them.
    pub const ANNOTATION: &str = "virtual-kubelet.io/owned-fields";

    /// Reads the annotation's value. Where someone has spoiled it, nothing is remembered.
    pub fn parse(value: &str) -> Self {
        serde_json::from_str(value).unwrap_or_default()
    }

    /// The annotation's value.
    pub fn to_annotation(&self) -> String {
        serde_json::to_value(self).unwrap_or_default().to_string()
    }

    /// What tells one taint from another.
    pub fn taint_id(taint: &Taint) -> String {
        format!("{}:{}", taint.key, taint.effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotation_is_read_back_and_short() {
        let owned = OwnedFields {
            labels: BTreeSet::from(["zone".to_owned()]),
            taints: BTreeSet::from(["virtual-kubelet.io/provider:NoSchedule".to_owned()]),
            ..OwnedFields::default()
        };
        let text = owned.to_annotation();
        assert_eq!(text, r#"{"labels":["zone"],"taints":["virtual-kubelet.io/provider:NoSchedule"]}"#);
        assert_eq!(OwnedFields::parse(&text), owned);
    }

    #[test]
    fn a_spoiled_annotation_is_no_error() {
        assert_eq!(OwnedFields::parse("{]"), OwnedFields::default());
        assert_eq!(OwnedFields::parse(r#"{"future": 1}"#), OwnedFields::default());
    }
}

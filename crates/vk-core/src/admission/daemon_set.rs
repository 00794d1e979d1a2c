//! What becomes of pods that DaemonSets put on every node.

use serde::{Deserialize, Serialize};

use super::Rejection;
use crate::error::{Error, Result};

/// What becomes of the pods of DaemonSets (kube-proxy, network plugins, log collectors), which are made for machines and
/// tolerate every taint. A pod of which something runs already stays as it is under each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub enum DaemonSetPods {
    /// They run, as every other pod that is bound to the node.
    #[default]
    Run,
    /// They stay Pending, and an Event says why; they go when they are deleted. A rollout of their DaemonSet counts them as
    /// unavailable.
    Ignore,
    /// They fail with the reason `NodeAffinity`. The DaemonSet controller deletes them and makes others, for ever, with a
    /// back-off that ends at 15 minutes.
    Reject,
}

impl DaemonSetPods {
    /// Each policy by the name that a flag has for it.
    pub const NAMES: [(&str, Self); 3] = [("run", Self::Run), ("ignore", Self::Ignore), ("reject", Self::Reject)];

    /// Whether a pod may start that belongs to a DaemonSet.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] keeps it Pending, [`crate::ErrorKind::Rejected`] fails it.
    pub fn check(self) -> Result<()> {
        let remedy =
            "keep the DaemonSet away with a node affinity, as in key type, operator NotIn, value virtual-kubelet";
        match self {
            Self::Run => Ok(()),
            Self::Ignore => {
                let message = format!("this node does not run pods of DaemonSets: {remedy}");
                Err(Error::unsupported("metadata.ownerReferences", message))
            }
            Self::Reject => {
                let description = format!("this node takes no pods of DaemonSets; {remedy}");
                Err(Rejection::of_predicate("NodeAffinity", &description).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn each_policy_has_its_answer() {
        assert_eq!(DaemonSetPods::Run.check(), Ok(()));
        let pending = DaemonSetPods::Ignore.check().unwrap_err();
        assert!(matches!(pending.kind, ErrorKind::Unsupported { .. }));
        let failed = DaemonSetPods::Reject.check().unwrap_err();
        assert_eq!(failed.kind, ErrorKind::Rejected { reason: "NodeAffinity".to_owned() });
    }
}

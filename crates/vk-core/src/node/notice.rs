//! [`NodeNotice`]: what people should be told about the Node.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::health::BackendHealth;
use super::plan::Unrepairable;

/// Something about the Node that people want to know. Said once, not with every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum NodeNotice {
    /// The Node was created.
    #[error("registered the node")]
    Registered,
    /// A Node of our name was there already and is ours from now on.
    #[error("took over the node that was registered already")]
    Adopted,
    /// The Node had been deleted, and was created again.
    #[error("the node had been deleted and was registered again")]
    RegisteredAgain,
    /// Someone else had changed what is ours.
    #[error("repaired what others had changed: {}", fields.iter().map(String::as_str).collect::<Vec<_>>().join(", "))]
    Repaired {
        /// Which fields, as in `condition Ready`.
        fields: BTreeSet<String>,
    },
    /// Labels were left out because a node identity may not set them.
    #[error(
        "left out labels that a node identity may not give itself: {}; an administrator may set them with kubectl label",
        keys.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    )]
    LabelsLeftOut {
        /// Their keys.
        keys: BTreeSet<String>,
    },
    /// A difference that stays.
    #[error("{0}")]
    Unrepairable(Unrepairable),
    /// The API server took a patch and left these fields as they were: it does not know them, or an admission webhook
    /// resists.
    #[error("the API server does not keep these fields: {}", fields.iter().map(String::as_str).collect::<Vec<_>>().join(", "))]
    NotKept {
        /// Which fields.
        fields: BTreeSet<String>,
    },
    /// Requests fail.
    #[error("cannot {request} the node, will try again: {failure}")]
    Failing {
        /// What was tried, as in `create`.
        request: String,
        /// Why it failed.
        failure: String,
    },
    /// Requests succeed again.
    #[error("requests about the node succeed again")]
    Recovered,
    /// The back end stopped answering, or answers again.
    #[error("{}", backend_text(.0))]
    Backend(BackendHealth),
}

impl NodeNotice {
    /// Whether someone should act, or at least know.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Registered | Self::Adopted | Self::Recovered | Self::Backend(BackendHealth::Reachable) => false,
            Self::RegisteredAgain
            | Self::Repaired { .. }
            | Self::LabelsLeftOut { .. }
            | Self::Unrepairable(_)
            | Self::NotKept { .. }
            | Self::Failing { .. }
            | Self::Backend(BackendHealth::Unreachable { .. }) => true,
        }
    }

    /// Whether it becomes an Event. Of trouble with the API server people learn from the log: the Event would not get there.
    pub fn is_event(&self) -> bool {
        !matches!(self, Self::Failing { .. } | Self::Recovered)
    }

    /// CamelCase, for an Event's reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Registered => "RegisteredNode",
            Self::Adopted => "AdoptedNode",
            Self::RegisteredAgain => "RegisteredNodeAgain",
            Self::Repaired { .. } => "RepairedNode",
            Self::LabelsLeftOut { .. } => "LabelsLeftOut",
            Self::Unrepairable(_) => "NodeDiffers",
            Self::NotKept { .. } => "FieldsNotKept",
            Self::Failing { .. } => "NodeRequestFailing",
            Self::Recovered => "NodeRequestRecovered",
            Self::Backend(BackendHealth::Reachable) => "BackendReachable",
            Self::Backend(BackendHealth::Unreachable { .. }) => "BackendUnreachable",
        }
    }
}

fn backend_text(health: &BackendHealth) -> String {
    match health {
        BackendHealth::Reachable => "the back end answers again".to_owned(),
        BackendHealth::Unreachable { message, .. } => format!("the back end does not answer: {message}"),
    }
}

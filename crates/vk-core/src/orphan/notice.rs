//! [`OrphanNotice`]: what people should be told about orphans.

use crate::identity::PodUid;

/// So many UIDs are named in a message.
const NAMED: usize = 5;

/// Something about orphans that people want to know. Said once, not with every list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrphanNotice {
    /// These are being stopped and released.
    #[error("the back end holds pods that the API does not; they are stopped and released: {}", named(uids))]
    Collected {
        /// Which.
        uids: Vec<PodUid>,
    },
    /// These are there, and stay.
    #[error("the back end holds pods that the API does not; by --orphan-policy they are left alone: {}", named(uids))]
    LeftAlone {
        /// All of them.
        uids: Vec<PodUid>,
    },
    /// So many would be destroyed that a person has to look first.
    #[error(
        "{orphans} of the {in_back_end} pods in the back end are not in the API, which is more than is collected without a \
         person's look: check that this is the right cluster, and the node's name; if they may go, raise --orphan-limit"
    )]
    Tripped {
        /// Proved orphans.
        orphans: usize,
        /// Pods that the back end holds in all.
        in_back_end: usize,
    },
    /// The back end cannot list what it holds.
    #[error(
        "the provider cannot list what its back end holds, so pods that the API no longer has are not looked for: remove \
         them by hand"
    )]
    NotLookedFor,
}

impl OrphanNotice {
    /// CamelCase, for an Event's reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Collected { .. } => "OrphansCollected",
            Self::LeftAlone { .. } => "OrphansFound",
            Self::Tripped { .. } => "OrphanCollectionStopped",
            Self::NotLookedFor => "OrphansNotLookedFor",
        }
    }

    /// Whether someone should act, or at least know.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::NotLookedFor)
    }
}

fn named(uids: &[PodUid]) -> String {
    let first: Vec<&str> = uids.iter().take(NAMED).map(PodUid::as_str).collect();
    match uids.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let uids: Vec<PodUid> = (0..7).map(|number| PodUid::from(format!("u{number}"))).collect();
        let text = OrphanNotice::Collected { uids }.to_string();
        assert!(text.ends_with("u0, u1, u2, u3, u4 and 2 more"), "{text}");
    }
}

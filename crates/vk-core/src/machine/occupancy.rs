//! Whether a pod takes up room on its node.

use super::state::{ApiSide, BackendView, PodMachine};

/// What a pod takes up of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// It is in the back end, or may be: it counts, whether there is room for it or not.
    Taken,
    /// It is not in the back end yet, and may come: it counts once it has been admitted.
    Open,
    /// It is not, and will not be.
    None,
}

impl PodMachine {
    /// What the pod takes up of its node.
    pub fn occupancy(&self) -> Occupancy {
        match &self.backend {
            BackendView::Present(observation) if self.has_settled(observation) => Occupancy::None,
            BackendView::Present(_) => Occupancy::Taken,
            BackendView::Absent if self.wants_to_run() => Occupancy::Open,
            BackendView::Absent => Occupancy::None,
            BackendView::Unlisted | BackendView::Unknown | BackendView::OtherInstance { .. } => {
                self.presumed_occupancy()
            }
        }
    }

    fn presumed_occupancy(&self) -> Occupancy {
        match &self.api {
            ApiSide::Present(facts) if facts.phase.is_terminal() => Occupancy::None,
            _ if self.has_started() => Occupancy::Taken,
            // If this process has handed it over, it has been admitted.
            _ => Occupancy::Open,
        }
    }

    /// Whether admission is over for this pod: what has started once is never refused (invariant 3).
    pub fn is_past_admission(&self) -> bool {
        self.has_started()
    }
}

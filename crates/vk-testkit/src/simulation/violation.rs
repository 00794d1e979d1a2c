//! What must not happen.

use std::fmt;

use virtual_kubelet::core::PodUid;

/// An invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// At most one workload of a pod runs at any time.
    OneAtATime,
    /// A pod is not started again unless its spec wants that and the back end fences.
    NoSecondRun,
    /// A pod that is there, and can be seen, is not created again.
    LookedUpFirst,
    /// Nothing is stopped that nobody wanted stopped.
    HealthyLeftAlone,
    /// A terminal phase is written only after every container has stopped.
    TerminalAfterStop,
    /// A pod's object is removed only after the stop.
    DeletedAfterStop,
    /// A pod's object is removed only after its end was told.
    EndToldFirst,
    /// A pod is told as ended only if it has ended, or never will begin.
    EndsHaveCauses,
    /// Who has succeeded is told as Succeeded, and nobody else.
    RightPhase,
    /// The back end lets go only of what has stopped.
    ReleasedAfterStop,
    /// The back end lets go only after the end was acknowledged, and of a pod that is being deleted or gone.
    ReleasedAfterAcknowledgement,
    /// What is changed of a pod that runs reaches the back end.
    ChangesCarriedOver,
    /// `activeDeadlineSeconds` ends a pod, whether it has ever run or not.
    DeadlineKept,
    /// Nothing is left of a pod that is gone.
    NothingLeftBehind,
    /// No work is dropped: every pod runs, or has ended, or says why not.
    NothingDropped,
    /// A pod that is deleted goes.
    DeletionEnds,
    /// Ends are told with the right exit codes.
    RightExitCodes,
    /// Restarts are told as they were.
    RightRestartCounts,
    /// A pod whose containers are ready is Ready, whatever others write.
    ReadinessRepaired,
    /// Phases and restart counts never go back.
    NothingGoesBack,
    /// What others write stays.
    OthersFieldsKept,
    /// Every write names the pod that it is about.
    NoOtherPodTouched,
    /// The Node is there and Ready.
    NodeRepaired,
    /// Nothing is asked for without end in one instant.
    NoBusyLoop,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::OneAtATime,
        Self::NoSecondRun,
        Self::LookedUpFirst,
        Self::HealthyLeftAlone,
        Self::TerminalAfterStop,
        Self::DeletedAfterStop,
        Self::EndToldFirst,
        Self::EndsHaveCauses,
        Self::RightPhase,
        Self::ReleasedAfterStop,
        Self::ReleasedAfterAcknowledgement,
        Self::ChangesCarriedOver,
        Self::DeadlineKept,
        Self::NothingLeftBehind,
        Self::NothingDropped,
        Self::DeletionEnds,
        Self::RightExitCodes,
        Self::RightRestartCounts,
        Self::ReadinessRepaired,
        Self::NothingGoesBack,
        Self::OthersFieldsKept,
        Self::NoOtherPodTouched,
        Self::NodeRepaired,
        Self::NoBusyLoop,
    ];
}

/// Something that must not happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant did not hold.
    pub rule: Rule,
    /// For which pod.
    pub uid: Option<PodUid>,
    /// What happened.
    pub what: String,
}

impl Violation {
    pub(super) fn new(rule: Rule, uid: &PodUid, what: impl Into<String>) -> Self {
        Self { rule, uid: Some(uid.clone()), what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: ", self.rule)?;
        if let Some(uid) = &self.uid {
            write!(f, "pod {uid}: ")?;
        }
        f.write_str(&self.what)
    }
}

//! Bugs in what is believed of a back end.

use std::time::Duration;

use virtual_kubelet::core::support::SupportTable;
use virtual_kubelet::provider::{Description, Retention};

use crate::interposer::{Interposition, described};

fn believing(change: fn(&mut Description)) -> Interposition {
    Interposition::none().with_provider(move |inner| described(inner, change))
}

/// Pods that are lost are started again, by whatever back end.
pub(super) fn starts_lost_pods_again() -> Interposition {
    believing(|description| description.recreates_lost = true)
}

/// A back end that forgets is taken for one that remembers: no intent is written before a create.
pub(super) fn writes_no_intent() -> Interposition {
    believing(|description| description.retention = Retention::UntilRemoved)
}

/// Absence right after a create is believed.
pub(super) fn believes_absence_at_once() -> Interposition {
    believing(|description| description.settle = Duration::ZERO)
}

/// Fields that the back end does not honour are passed on to it.
pub(super) fn ignores_what_is_not_honoured() -> Interposition {
    believing(|description| description.support = SupportTable::everything())
}

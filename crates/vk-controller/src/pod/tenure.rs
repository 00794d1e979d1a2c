//! Whether the node is ours, as far as the heartbeat knows: what another agent may have begun is not begun here.

use std::time::Duration;

use tokio::sync::watch;
use vk_core::node::lease::LeaseState;

use crate::node::LeaseReport;

/// So long after the lease has lapsed, or the API server is heard of again, the heartbeat may still learn that another agent
/// has taken the node: what was under way is lost within ten seconds, it asks again within two, and waits for an answer for
/// five.
const UNCERTAINTY: Duration = Duration::from_secs(20);

/// Whoever takes a node has waited for one lease duration of 40 s since a renewal, and renewals come every ten: if our way to
/// the API server was cut for that long, nothing was heard from it for almost as long as this.
const SILENCE: Duration = Duration::from_secs(25);

/// What the pod controller may do while the lease stands as it does.
pub(super) struct Tenure {
    lease: watch::Receiver<LeaseReport>,
    standing: Standing,
    /// Since when another agent may have the node without our knowing.
    uncertain_since: Option<Duration>,
    /// When the watch of our pods has last said something.
    heard_at: Duration,
    /// That watch begins anew, and has not been answered yet.
    lists_anew: bool,
}

/// What the heartbeat has to say about the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is ours.
    Ours,
    /// Its lease is not renewed, and another agent may have taken it.
    Uncertain,
    /// It is another agent's.
    Over,
}

/// A look at the lease by whatever waits for its turn.
#[derive(Clone)]
pub(super) struct LeaseView(watch::Receiver<LeaseReport>);

impl LeaseView {
    pub(super) fn standing(&self) -> Standing {
        match self.0.borrow().state {
            LeaseState::Held => Standing::Ours,
            LeaseState::Claiming | LeaseState::Lapsed => Standing::Uncertain,
            LeaseState::Refused(_) | LeaseState::Released => Standing::Over,
        }
    }
}

impl Tenure {
    pub(super) fn new(lease: watch::Receiver<LeaseReport>, now: Duration) -> Self {
        let standing = LeaseView(lease.clone()).standing();
        let uncertain_since = (standing == Standing::Uncertain).then_some(now);
        Self { lease, standing, uncertain_since, heard_at: now, lists_anew: false }
    }

    pub(super) fn view(&self) -> LeaseView {
        LeaseView(self.lease.clone())
    }

    /// Comes with each change; never again once nobody keeps the lease.
    pub(super) async fn changed(&mut self) {
        if self.lease.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes notice of the lease; how it stands, if that has changed.
    pub(super) fn look(&mut self, now: Duration) -> Option<Standing> {
        let standing = self.view().standing();
        if std::mem::replace(&mut self.standing, standing) == standing {
            return None;
        }
        self.uncertain_since = (standing == Standing::Uncertain).then_some(now);
        Some(standing)
    }

    /// The watch of our pods begins anew; the API server has not answered yet.
    pub(super) fn lists_anew(&mut self) {
        self.lists_anew = true;
    }

    /// The watch of our pods says something. If it had begun anew, or been silent, perhaps there was no way to the API server:
    /// what it shows now may be another agent's work, of which the heartbeat knows nothing yet.
    pub(super) fn heard(&mut self, now: Duration) {
        let was_silent = now.saturating_sub(std::mem::replace(&mut self.heard_at, now)) >= SILENCE;
        let is_new = std::mem::take(&mut self.lists_anew);
        if (was_silent || is_new) && self.uncertain_since.is_some() {
            self.uncertain_since = Some(now);
        }
    }

    /// Statuses are written while nobody else can be expected to write them: an agent that is alone, and is only kept from
    /// renewing its lease, goes on telling how its pods stand.
    pub(super) fn may_write(&self, now: Duration) -> bool {
        match self.standing {
            Standing::Ours => true,
            Standing::Uncertain => self.uncertain_since.is_some_and(|since| now >= since.saturating_add(UNCERTAINTY)),
            Standing::Over => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use vk_core::node::lease::LeaseConflict;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn report(state: LeaseState) -> LeaseReport {
        LeaseReport { state, outages: 0 }
    }

    #[test]
    fn an_agent_that_is_alone_goes_on_telling_how_its_pods_stand() {
        let (lease, seen) = watch::channel(report(LeaseState::Held));
        let mut tenure = Tenure::new(seen, SECOND);
        assert!(tenure.may_write(SECOND));
        lease.send_replace(report(LeaseState::Lapsed));
        assert_eq!(tenure.look(10 * SECOND), Some(Standing::Uncertain));
        assert!(!tenure.may_write(11 * SECOND), "the heartbeat has not been answered yet");
        assert!(tenure.may_write(10 * SECOND + UNCERTAINTY));
        tenure.lists_anew();
        assert!(tenure.may_write(55 * SECOND), "nobody has answered");
        tenure.heard(60 * SECOND);
        assert!(!tenure.may_write(61 * SECOND), "another may have taken it meanwhile");
        for second in 61..80 {
            tenure.heard(second * SECOND);
        }
        assert!(tenure.may_write(60 * SECOND + UNCERTAINTY), "it is heard all the time, and so is the heartbeat");
        tenure.heard(79 * SECOND + SILENCE);
        assert!(!tenure.may_write(80 * SECOND + SILENCE), "the watch was cut off, and goes on");
        lease.send_replace(report(LeaseState::Held));
        assert_eq!((tenure.look(110 * SECOND), tenure.may_write(110 * SECOND)), (Some(Standing::Ours), true));
        tenure.lists_anew();
        tenure.heard(300 * SECOND);
        assert!(tenure.may_write(300 * SECOND), "the lease is ours");
    }

    #[test]
    fn what_is_another_agents_is_never_written() {
        let conflict = LeaseConflict {
            node: vk_core::node::NodeName::parse("vk").unwrap(),
            instance: None,
            host: None,
            taken_from_us: true,
        };
        for state in [LeaseState::Refused(conflict), LeaseState::Released] {
            let (_lease, seen) = watch::channel(report(state));
            let tenure = Tenure::new(seen, SECOND);
            assert!(tenure.view().standing() == Standing::Over && !tenure.may_write(3600 * SECOND));
        }
    }
}

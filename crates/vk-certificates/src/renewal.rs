//! When a certificate is asked for.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::certificate::CertificateFacts;
use crate::wanted::{AlternativeName, Wanted};

/// A certificate is renewed after this part of its life, in percent; where in between, chance says, so that nodes which
/// started together do not come back together.
const EARLIEST_PERCENT: i64 = 70;
const LATEST_PERCENT: i64 = 90;

/// What to do about a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It is good until then.
    Keep {
        /// When to ask for the next one.
        until: Timestamp,
    },
    /// One is needed now.
    Ask(Reason),
}

/// Why a certificate is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is none.
    Missing,
    /// The one that is there is somebody else's.
    OtherUser(String),
    /// The one that is there does not name these.
    NamesMissing(Vec<AlternativeName>),
    /// The one that is there ends soon, or has ended.
    Due {
        /// Its end.
        not_after: Timestamp,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is none"),
            Self::OtherUser(user) => write!(f, "the one that is there is {user}'s"),
            Self::NamesMissing(names) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                write!(f, "the one that is there does not name {}", names.join(", "))
            }
            Self::Due { not_after } => write!(f, "the one that is there ends at {not_after}"),
        }
    }
}

/// Decides about the certificate that is there. `random`, evenly distributed over all of `u64`, belongs to the certificate:
/// the same one is asked about with the same number.
pub fn plan(current: Option<&CertificateFacts>, wanted: &Wanted, now: Timestamp, random: u64) -> Plan {
    let Some(current) = current else { return Plan::Ask(Reason::Missing) };
    if current.common_name != wanted.common_name() {
        return Plan::Ask(Reason::OtherUser(current.common_name.clone()));
    }
    let missing: Vec<_> = wanted.names().difference(&current.names).cloned().collect();
    if !missing.is_empty() {
        return Plan::Ask(Reason::NamesMissing(missing));
    }
    let until = renewal(current, random);
    if now < until { Plan::Keep { until } } else { Plan::Ask(Reason::Due { not_after: current.not_after }) }
}

fn renewal(certificate: &CertificateFacts, random: u64) -> Timestamp {
    let life = certificate.not_after.duration_since(certificate.not_before).as_secs().max(0);
    let spread = i128::from(LATEST_PERCENT - EARLIEST_PERCENT) * i128::from(random) / i128::from(u64::MAX);
    let percent = EARLIEST_PERCENT + i64::try_from(spread).unwrap_or_default();
    let lived = i64::try_from(i128::from(life) * i128::from(percent) / 100).unwrap_or(life);
    certificate.not_before.checked_add(SignedDuration::from_secs(lived)).unwrap_or(certificate.not_after)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use vk_core::node::{NodeAddress, NodeName};

    use super::*;

    const BEGIN: i64 = 1_000_000;
    const LIFE: i64 = 100_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn wanted(addresses: &[&str]) -> Wanted {
        let address = |text: &&str| NodeAddress { kind: "InternalIP".to_owned(), address: (*text).to_owned() };
        let addresses: Vec<NodeAddress> = addresses.iter().map(address).collect();
        Wanted::serving(NodeName::parse("a").unwrap(), &addresses).unwrap()
    }

    fn facts(names: &BTreeSet<AlternativeName>) -> CertificateFacts {
        CertificateFacts {
            not_before: at(BEGIN),
            not_after: at(BEGIN + LIFE),
            common_name: "system:node:a".to_owned(),
            names: names.clone(),
        }
    }

    #[test]
    fn it_is_renewed_between_70_and_90_percent_of_its_life() {
        let wanted = wanted(&["10.0.0.1"]);
        let facts = facts(&wanted.names());
        for (random, lived) in [(0, 70_000), (u64::MAX / 2, 79_000), (u64::MAX, 90_000)] {
            let moment = at(BEGIN + lived);
            let before = plan(Some(&facts), &wanted, at(BEGIN + lived - 1), random);
            assert_eq!(before, Plan::Keep { until: moment }, "{random}");
            let due = Plan::Ask(Reason::Due { not_after: facts.not_after });
            assert_eq!(plan(Some(&facts), &wanted, moment, random), due);
            assert_eq!(plan(Some(&facts), &wanted, at(BEGIN + 10 * LIFE), random), due);
        }
    }

    #[test]
    fn what_does_not_fit_is_replaced_at_once() {
        let names = wanted(&["10.0.0.1"]).names();
        let both = wanted(&["10.0.0.1", "10.0.0.2"]);
        assert_eq!(plan(None, &both, at(BEGIN), 0), Plan::Ask(Reason::Missing));
        let missing = vec![AlternativeName::Ip([10, 0, 0, 2].into())];
        assert_eq!(plan(Some(&facts(&names)), &both, at(BEGIN), 0), Plan::Ask(Reason::NamesMissing(missing)));
        let other = CertificateFacts { common_name: "system:node:b".to_owned(), ..facts(&both.names()) };
        let other = plan(Some(&other), &both, at(BEGIN), 0);
        assert_eq!(other, Plan::Ask(Reason::OtherUser("system:node:b".to_owned())));
    }

    #[test]
    fn more_names_than_needed_do_no_harm() {
        let more = facts(&wanted(&["10.0.0.1", "10.0.0.2"]).names());
        assert!(matches!(plan(Some(&more), &wanted(&["10.0.0.1"]), at(BEGIN), 0), Plan::Keep { .. }));
    }

    #[test]
    fn a_life_that_makes_no_sense_is_over() {
        let wanted = wanted(&["10.0.0.1"]);
        let backwards = CertificateFacts { not_after: at(BEGIN - 5), ..facts(&wanted.names()) };
        assert!(matches!(plan(Some(&backwards), &wanted, at(BEGIN), 0), Plan::Ask(Reason::Due { .. })));
    }
}

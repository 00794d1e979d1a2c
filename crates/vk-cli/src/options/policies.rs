//! Flags whose value is the name of a policy, and what goes with them.

use std::time::Duration;

use vk_core::machine::Release;
use vk_core::orphan::{OrphanAction, OrphanPolicy};

use crate::error::UsageError;
use crate::flags::Flags;

/// The policy of this name; the default if none is given.
pub(super) fn named<P: Copy + Default>(
    setting: &str,
    given: Option<&str>,
    policies: &[(&str, P)],
) -> Result<P, UsageError> {
    let Some(given) = super::non_empty(given) else { return Ok(P::default()) };
    let found = policies.iter().find(|(name, _)| *name == given);
    found.map(|(_, policy)| *policy).ok_or_else(|| {
        let names: Vec<&str> = policies.iter().map(|(name, _)| *name).collect();
        UsageError::new(setting, format!("{given:?} is not a policy: use one of {}", names.join(", ")))
    })
}

/// What becomes of orphans.
pub(super) fn orphans(flags: &Flags) -> Result<OrphanPolicy, UsageError> {
    let action = named("--orphan-policy", flags.orphan_policy.as_deref(), &OrphanAction::NAMES)?;
    let mut policy = OrphanPolicy { action, ..OrphanPolicy::default() };
    if let Some(age) = flags.orphan_age {
        policy.age = checked_age(age)?;
    }
    for limit in flags.orphan_limit.iter().map(|limit| limit.trim()).filter(|limit| !limit.is_empty()) {
        match limit.strip_suffix('%') {
            Some(percent) => policy.most_percent = number(limit, percent, 100)?,
            None => policy.unquestioned = number(limit, limit, usize::MAX)?,
        }
    }
    Ok(policy)
}

/// When the back end lets go of what has ended.
pub(super) fn release(flags: &Flags) -> Result<Release, UsageError> {
    match flags.release_after {
        None => Ok(Release::OnDelete),
        Some(retention) if retention.is_zero() => {
            let message = "nobody could read the logs of a pod that has ended: give 1s or more, or leave it out";
            Err(UsageError::new("--release-after", message))
        }
        Some(retention) => Ok(Release::AfterTerminal(retention)),
    }
}

/// Less than a list of the back end and the watch of the API may be apart would take new pods for orphans.
const SHORTEST_AGE: Duration = Duration::from_secs(1);

fn checked_age(age: Duration) -> Result<Duration, UsageError> {
    if age < SHORTEST_AGE {
        let message = "less than a second does not let the API and the back end come together: give 1s or more";
        return Err(UsageError::new("--orphan-age", message));
    }
    Ok(age)
}

fn number(whole: &str, text: &str, most: usize) -> Result<usize, UsageError> {
    text.parse().ok().filter(|number| *number <= most).ok_or_else(|| {
        let message = format!("{whole:?} is neither a number of pods nor a percentage up to 100: as in \"10,50%\"");
        UsageError::new("--orphan-limit", message)
    })
}

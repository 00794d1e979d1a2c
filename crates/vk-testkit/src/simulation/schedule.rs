//! A schedule: what happens, and how long after what happened before. It can be written down and read again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::action::Action;
use crate::backend::Nature;

/// Everything that decides a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Decides every random number in the run.
    pub seed: u64,
    /// What kind of back end there is.
    pub nature: Nature,
    /// The actions in order, each with the pause before it.
    pub steps: Vec<(Duration, Action)>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    seed: u64,
    nature: Nature,
}

#[derive(Serialize, Deserialize)]
struct Step {
    after_ms: u64,
    action: Action,
}

/// One line of JSON for the seed and the back end, then one for each step.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, json: serde_json::Result<String>| match json {
            Ok(json) => writeln!(f, "{json}"),
            Err(_) => Err(fmt::Error),
        };
        line(f, serde_json::to_string(&Header { seed: self.seed, nature: self.nature }))?;
        for (pause, action) in &self.steps {
            let after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            line(f, serde_json::to_string(&Step { after_ms, action: action.clone() }))?;
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let Header { seed, nature } = serde_json::from_value(values.next().transpose()?.unwrap_or_default())?;
        let step = |value: Result<Value, Self::Err>| {
            let Step { after_ms, action } = serde_json::from_value(value?)?;
            Ok((Duration::from_millis(after_ms), action))
        };
        Ok(Self { seed, nature, steps: values.map(step).collect::<Result<_, Self::Err>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_survives_being_written_down() {
        for seed in 0..200 {
            let schedule = Schedule::from_seed(seed);
            let read: Schedule = schedule.to_string().parse().unwrap();
            assert_eq!(read, schedule);
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        assert!("".parse::<Schedule>().is_err());
        assert!("{\"seed\": 1}\n".parse::<Schedule>().is_err());
        assert!(
            "{\"seed\": 1, \"nature\": {}}\n{\"after_ms\": 0, \"action\": \"Nonsense\"}".parse::<Schedule>().is_err()
        );
        assert!(
            "{\"seed\": 1, \"nature\": {}}\n{\"after_ms\": 0, \"action\": \"Compact\"}".parse::<Schedule>().is_ok()
        );
    }
}

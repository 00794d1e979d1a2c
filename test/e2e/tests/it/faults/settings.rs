//! What `cargo xtask e2e faults` was told.

use std::env;
use std::path::PathBuf;
use std::process;

/// Settings from the environment; each has a default.
pub(super) struct Settings {
    /// `VK_FAULTS_ROUNDS`: how often the agent is killed.
    pub(super) rounds: usize,
    /// `VK_FAULTS_LONG`: whether outages of five minutes are among them.
    pub(super) long: bool,
    /// `VK_FAULTS_SEED`: where random draws begin. What is done after how long comes from them; on which pods, and what comes
    /// of it, depends on the machine too.
    pub(super) seed: u64,
    /// `VK_FAULTS_REPORT`: the file to which reports are appended.
    pub(super) report: Option<PathBuf>,
}

impl Settings {
    pub(super) fn read() -> Self {
        Self {
            rounds: number("VK_FAULTS_ROUNDS").map_or(200, |rounds| usize::try_from(rounds).unwrap()),
            long: env::var_os("VK_FAULTS_LONG").is_some(),
            seed: number("VK_FAULTS_SEED").unwrap_or_else(|| u64::from(process::id())),
            report: env::var_os("VK_FAULTS_REPORT").map(PathBuf::from),
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}: it must be a whole number")))
}

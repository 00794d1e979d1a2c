//! Errors of the command line itself.

use std::fmt;

/// A flag or variable that cannot be used as it is: exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UsageError {
    setting: String,
    message: String,
}

impl UsageError {
    /// The setting as a person writes it (`--taint`, `KUBELET_PORT`), and what is wrong and how to put it right.
    pub fn new(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Self { setting: setting.into(), message: message.into() }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

/// A setting that is accepted for the sake of existing manifests, and why it has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The setting as a person writes it.
    pub setting: String,
    /// Why, and what to do.
    pub message: String,
}

impl Warning {
    pub(crate) fn new(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Self { setting: setting.into(), message: message.into() }
    }
}

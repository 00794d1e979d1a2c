//! Logs: level and form.

use std::io::{self, IsTerminal};

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::error::UsageError;

/// Libraries that tell about every connection and frame; they are heard one level less, so that `debug` stays readable.
const TALKATIVE: [&str; 8] = ["h2", "hyper", "hyper_util", "kube_client", "kube_runtime", "rustls", "tower", "bollard"];
/// Kube complains of each failed request, with less of the cause, and more often, than whoever sent it.
const FAILED_REQUESTS: [&str; 2] = ["kube_client::client::builder", "kube_runtime::watcher"];

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Logging {
    level: Level,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

impl Logging {
    /// Reads `--log-level` and `--log-format`.
    pub(crate) fn new(level: Option<&str>, format: Option<&str>) -> Result<Self, UsageError> {
        Ok(Self { level: parse_level(level.unwrap_or(""))?, format: parse_format(format.unwrap_or(""))? })
    }

    /// Starts logging to stderr, for the whole process.
    pub(crate) fn start(self) -> Result<(), TryInitError> {
        let registry = tracing_subscriber::registry().with(self.targets());
        match self.format {
            Format::Text => {
                let colours = io::stderr().is_terminal();
                let layer = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(io::stderr);
                registry.with(layer).try_init()
            }
            Format::Json => {
                let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(io::stderr);
                registry.with(layer).try_init()
            }
        }
    }

    fn targets(self) -> Targets {
        let libraries = match self.level {
            Level::TRACE => LevelFilter::DEBUG,
            Level::DEBUG => LevelFilter::INFO,
            Level::INFO => LevelFilter::WARN,
            level => LevelFilter::from_level(level),
        };
        let base = Targets::new().with_default(self.level);
        let targets = TALKATIVE.iter().fold(base, |targets, library| targets.with_target(*library, libraries));
        let failed_requests = if self.level >= Level::DEBUG { libraries } else { LevelFilter::OFF };
        FAILED_REQUESTS.iter().fold(targets, |targets, library| targets.with_target(*library, failed_requests))
    }
}

/// The names that the Go project's logging library knows; its two worst levels end the program there.
fn parse_level(text: &str) -> Result<Level, UsageError> {
    match text.to_ascii_lowercase().as_str() {
        "" | "info" => Ok(Level::INFO),
        "panic" | "fatal" | "error" => Ok(Level::ERROR),
        "warn" | "warning" => Ok(Level::WARN),
        "debug" => Ok(Level::DEBUG),
        "trace" => Ok(Level::TRACE),
        _ => {
            let message = format!("{text:?} is not a level: use error, warn, info, debug or trace");
            Err(UsageError::new("--log-level", message))
        }
    }
}

fn parse_format(text: &str) -> Result<Format, UsageError> {
    match text {
        "" | "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(UsageError::new("--log-format", format!("{text:?} is not a format: use text or json"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_names_are_the_go_projects() {
        let level = |name| Logging::new(Some(name), None).map(|logging| logging.level);
        for (name, expected) in
            [("WARN", Level::WARN), ("warning", Level::WARN), ("fatal", Level::ERROR), ("", Level::INFO)]
        {
            assert_eq!(level(name), Ok(expected), "{name}");
        }
        assert!(level("loud").unwrap_err().to_string().contains("use error, warn"));
        assert!(Logging::new(None, Some("xml")).unwrap_err().to_string().contains("--log-format"));
    }

    #[test]
    fn libraries_are_heard_one_level_less() {
        let targets = Logging::new(Some("debug"), None).unwrap().targets();
        assert!(targets.would_enable("vk_controller", &Level::DEBUG));
        assert!(targets.would_enable("hyper::proto", &Level::INFO));
        assert!(!targets.would_enable("hyper::proto", &Level::DEBUG));
        let failed_request =
            |level, library| Logging::new(Some(level), None).unwrap().targets().would_enable(library, &Level::ERROR);
        for library in FAILED_REQUESTS {
            assert!(failed_request("debug", library) && !failed_request("info", library), "{library}");
        }
    }
}

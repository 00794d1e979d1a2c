//! `cargo xtask tidy`: rules of this project that no compiler checks. Each check is a pure function over text.

mod arrows;
mod bans;
mod length;
mod links;
mod machine_paths;
mod rust_text;
mod select;
mod sources;
mod tokio_free;

use std::fmt;

use anyhow::{Result, bail};

use crate::tidy::sources::Sources;
use crate::workspace::Metadata;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: Option<usize>,
    message: String,
}

impl Finding {
    fn in_file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }

    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.path, self.message),
            None => write!(formatter, "{}: {}", self.path, self.message),
        }
    }
}

pub(crate) fn run() -> Result<()> {
    let sources = Sources::read()?;
    let metadata = Metadata::read()?;
    let mut findings = Vec::new();
    findings.extend(length::check(&sources));
    findings.extend(arrows::check(&metadata));
    findings.extend(tokio_free::check(&metadata)?);
    findings.extend(select::check(&sources));
    findings.extend(links::check(&sources));
    findings.extend(machine_paths::check(&sources));
    findings.extend(bans::check(&sources));
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => bail!("tidy: {count} findings"),
    }
}

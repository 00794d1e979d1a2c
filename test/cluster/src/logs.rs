//! The logs of what runs under a guard.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, thread};

/// The folder of the logs. A test that fails takes them with it, so their ends are printed when this is dropped in a panic.
#[derive(Debug)]
pub(crate) struct Logs {
    folder: PathBuf,
}

impl Logs {
    pub(crate) fn below(directory: &Path) -> Self {
        Self { folder: directory.join("log") }
    }

    /// The last lines of each log.
    pub(crate) fn ends(&self) -> String {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let mut ends = String::from("the logs end with:");
        for path in paths {
            let name = path.file_name().unwrap_or_default().display();
            let _ = write!(ends, "\n--- {name}\n{}", last_lines(&path, 30));
        }
        ends
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.ends());
        }
    }
}

/// The last `count` lines of a text file; empty when there is none.
fn last_lines(path: &Path, count: usize) -> String {
    let Ok(text) = fs::read(path) else { return String::new() };
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_log_shows_its_end_under_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let logs = Logs::below(directory.path());
        assert_eq!(logs.ends(), "the logs end with:");
        fs::create_dir(&logs.folder).unwrap();
        let long: String = (1..=40).map(|number| format!("line {number}\n")).collect();
        fs::write(logs.folder.join("b.log"), long).unwrap();
        fs::write(logs.folder.join("a.log"), "only\n").unwrap();
        let ends = logs.ends();
        assert!(ends.starts_with("the logs end with:\n--- a.log\nonly\n--- b.log\nline 11\nline 12\n"), "{ends}");
        assert!(ends.ends_with("line 40"), "{ends}");
    }
}

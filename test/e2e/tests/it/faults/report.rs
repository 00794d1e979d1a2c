//! What a scenario has to say: to the console, and to the file from which `cargo xtask e2e faults` prints it again.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use super::settings::Settings;
use super::verdict::{Row, table};

/// A scenario's report. It fails the test when it is concluded with complaints.
pub(super) struct Report {
    title: String,
    figures: Vec<String>,
    rows: Vec<Row>,
    complaints: Vec<String>,
    file: Option<PathBuf>,
    concluded: bool,
}

impl Report {
    pub(super) fn new(title: &str, settings: &Settings) -> Self {
        say(&format!("\n### {title}\n"));
        Self {
            title: title.to_owned(),
            figures: Vec::new(),
            rows: Vec::new(),
            complaints: Vec::new(),
            file: settings.report.clone(),
            concluded: false,
        }
    }

    /// Something that was counted or measured. Shown at once, too.
    pub(super) fn figure(&mut self, figure: &str) {
        say(&format!("- {figure}\n"));
        self.figures.push(figure.to_owned());
    }

    /// What became of a pod.
    pub(super) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Something that is wrong with the whole.
    pub(super) fn complain(&mut self, complaint: String) {
        say(&format!("- WRONG: {complaint}\n"));
        self.complaints.push(complaint);
    }

    /// Complains unless something holds.
    pub(super) fn expect(&mut self, holds: bool, complaint: impl FnOnce() -> String) {
        if !holds {
            self.complain(complaint());
        }
    }

    /// Writes the report.
    ///
    /// # Panics
    /// If something was wrong.
    pub(super) fn conclude(mut self) {
        self.concluded = true;
        let wrong = self.wrong();
        self.publish(if wrong == 0 { "passed" } else { "FAILED" });
        assert_eq!(wrong, 0, "{}: {wrong} things are wrong", self.title);
    }

    fn wrong(&self) -> usize {
        self.complaints.len() + self.rows.iter().filter(|row| !row.complaints.is_empty()).count()
    }

    fn publish(&self, outcome: &str) {
        let mut text = format!("### {}: {outcome}\n\n", self.title);
        for figure in &self.figures {
            let _ = writeln!(text, "- {figure}");
        }
        for complaint in &self.complaints {
            let _ = writeln!(text, "- WRONG: {complaint}");
        }
        if !self.rows.is_empty() {
            let failed = self.rows.iter().filter(|row| !row.complaints.is_empty()).count();
            let _ = writeln!(text, "- pods: {}, of them failed: {failed}\n\n{}", self.rows.len(), table(&self.rows));
        }
        match &self.file {
            Some(path) => {
                let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
                writeln!(file, "{text}").unwrap();
            }
            None => say(&text),
        }
    }
}

impl Drop for Report {
    /// A scenario that breaks off has failed.
    fn drop(&mut self) {
        if !self.concluded {
            self.publish("FAILED, and broke off");
        }
    }
}

/// Past the test runner, for people who wait.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

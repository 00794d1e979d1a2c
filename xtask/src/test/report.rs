//! What a test run says of itself.

use std::fmt::Display;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::stopwatch::Stopwatch;

/// The steps that ran, their times, and the test runner's closing lines.
#[derive(Debug, Default)]
pub(super) struct Report {
    times: Vec<String>,
    closing: Vec<String>,
}

/// The closing lines of one step's tests.
#[derive(Debug, Default)]
pub(super) struct Closing(Vec<String>);

impl Report {
    /// Runs a step between its name and its time. One that fails ends the run, with what was seen so far.
    pub(super) fn run<S: Display + Copy>(
        &mut self,
        step: S,
        action: impl FnOnce(S, &mut Closing) -> Result<()>,
    ) -> Result<()> {
        println!("\n==> {step}");
        let stopwatch = Stopwatch::start();
        let mut closing = Closing::default();
        let done = action(step, &mut closing);
        let seconds = stopwatch.elapsed().as_secs_f32();
        println!("<== {step}: {seconds:.1} s");
        self.times.push(format!("{step:<14}{seconds:>8.1} s"));
        self.closing.append(&mut closing.0);
        if done.is_err() {
            self.close();
        }
        done.with_context(|| format!("step `{step}` failed (alone: cargo xtask test --only {step})"))
    }

    /// Prints all times, and last what the test runner said last of each group of tests.
    pub(super) fn close(&self) {
        println!("\n{}", self.times.join("\n"));
        if !self.closing.is_empty() {
            println!("\n{}", self.closing.join("\n"));
        }
    }
}

impl Closing {
    /// Runs tests with their output on the console and keeps the closing line of each group.
    pub(super) fn run_tests(&mut self, command: &mut Command) -> Result<()> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
        let output = child.stdout.take().context("cargo was started without a pipe")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read the tests' output")?;
            println!("{line}");
            if is_closing(&line) {
                self.0.push(line);
            }
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("tests failed: {status}");
        }
        Ok(())
    }
}

/// Whether this is libtest's last line for a group in which there were tests.
fn is_closing(line: &str) -> bool {
    line.starts_with("test result: ") && !line.starts_with("test result: ok. 0 passed; 0 failed; 0 ignored")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_kept_and_empty_groups_dropped() {
        let script = "echo running 1 test; echo 'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured'; \
                      echo 'test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured'; \
                      echo 'test result: FAILED. 0 passed; 1 failed; 0 ignored'; exit 3";
        let mut closing = Closing::default();
        let failed = closing.run_tests(Command::new("sh").args(["-c", script])).unwrap_err();
        assert!(failed.to_string().contains("exit status: 3"), "{failed}");
        assert_eq!(
            closing.0,
            [
                "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured",
                "test result: FAILED. 0 passed; 1 failed; 0 ignored"
            ]
        );
    }

    #[test]
    fn a_failed_step_fails_under_its_name_and_keeps_its_closing_lines() {
        let mut report = Report::default();
        report.run("good", |_, _| Ok(())).unwrap();
        let error = report
            .run("bad", |_, closing| {
                closing.run_tests(Command::new("sh").args(["-c", "echo 'test result: FAILED.'; exit 1"]))
            })
            .unwrap_err();
        assert!(error.to_string().contains("step `bad` failed"), "{error}");
        assert_eq!(report.closing, ["test result: FAILED."]);
        assert_eq!(report.times.len(), 2);
    }
}

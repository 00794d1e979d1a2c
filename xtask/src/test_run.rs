//! Running tests that are named: a name that fits none must not look like success.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs tests with their output on the console.
///
/// # Errors
/// If one of them fails, or if there was none; `named` says what was asked for.
pub(crate) fn run_some(command: &mut Command, named: &str) -> Result<()> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo was started without a pipe")?;
    let mut tests = 0;
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read the tests' output")?;
        println!("{line}");
        tests += tests_in(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("tests failed: {status}");
    }
    if tests == 0 {
        bail!("there is no test named {named}: nothing was run");
    }
    Ok(())
}

/// How many tests libtest says that it runs.
fn tests_in(line: &str) -> usize {
    let number = || line.strip_prefix("running ")?.split_whitespace().next()?.parse().ok();
    number().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<()> {
        run_some(Command::new("sh").args(["-c", script]), "typo")
    }

    #[test]
    fn a_run_without_tests_is_no_success() {
        assert!(run("echo running 1 test").is_ok());
        assert!(run("echo 'running 0 tests'; echo 'running 2 tests'").is_ok());
        let nothing = run("echo running 0 tests; echo 'test result: ok. 0 passed'").unwrap_err();
        assert_eq!(nothing.to_string(), "there is no test named typo: nothing was run");
        assert!(run("echo running 1 test; exit 101").unwrap_err().to_string().contains("101"));
    }
}

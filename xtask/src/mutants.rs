//! `cargo xtask mutants`: every deliberate bug, the invariant that it breaks, and what catches it.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::cargo;

const TESTS: [&str; 5] = ["test", "--package", "test-world", "--test", "it"];

/// The tests that print the table.
const TABLE: [&str; 2] = ["mutants::every_mutant_is_caught", "mutants::the_tests_that_are_named_elsewhere_exist"];

pub(crate) fn run() -> Result<()> {
    let built = cargo()?.args(TESTS).args(["--no-run", "--quiet"]).status().context("cannot start cargo")?;
    if !built.success() {
        bail!("cannot build the tests: {built}");
    }
    let mut tests = cargo()?;
    tests.args(TESTS).args(["--quiet", "--", "--nocapture", "--exact"]);
    tests.args(TABLE);
    print(&mut tests)
}

/// Runs the tests and prints the rows among what they say. That mutants fail is no news; what they say is kept for the case
/// that one does not.
fn print(tests: &mut Command) -> Result<()> {
    let output = tests.output().context("cannot start cargo")?;
    println!("| mutant | invariants | looked at by | caught by |\n|---|---|---|---|");
    let said = String::from_utf8_lossy(&output.stdout);
    let mut caught = 0;
    for row in said.lines().filter_map(row_in) {
        println!("{row}");
        caught += usize::from(!row.contains("SURVIVED"));
    }
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("a mutant survives");
    }
    if caught == 0 {
        bail!("no mutant was looked at: the tests {} are not there", TABLE.join(" and "));
    }
    println!("\n{caught} rows, no survivor");
    Ok(())
}

/// The row of the table in a line: the test harness may have begun the line with a word of its own.
fn row_in(line: &str) -> Option<&str> {
    let row = line.get(line.find("| ")?..)?;
    row.ends_with(" |").then_some(row)
}

#[cfg(test)]
mod tests {
    use super::row_in;

    #[test]
    fn rows_are_told_from_what_the_harness_says() {
        assert_eq!(row_in("..| a | [1] | b | c |"), Some("| a | [1] | b | c |"));
        assert_eq!(row_in("running 2 tests"), None);
        assert_eq!(row_in("left | right"), None);
    }
}

use clap::CommandFactory;
use expect_test::expect_file;

use crate::flags::CommandLine;

#[test]
fn the_command_line_is_consistent() {
    CommandLine::command().debug_assert();
}

#[test]
fn help_is_as_it_was_reviewed() {
    let help = CommandLine::command().term_width(120).render_help().to_string();
    expect_file!["tests/help.txt"].assert_eq(&help);
}

#[test]
fn long_help_is_no_other_text() {
    let short = CommandLine::command().term_width(120).render_help().to_string();
    let long = CommandLine::command().term_width(120).render_long_help().to_string();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&short), words(&long));
}

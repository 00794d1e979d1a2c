//! Every `select!` begins with `biased;`. Without it tokio polls the branches in random order, and a simulation cannot
//! be repeated.

use super::Finding;
use super::rust_text::blank_comments_and_literals;
use super::sources::Sources;

const MACRO: &str = "select!";

pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in sources.with_extension("rs") {
        let code = blank_comments_and_literals(text);
        for (position, _) in code.match_indices(MACRO) {
            let (before, rest) = code.split_at(position);
            let in_word = before.ends_with(|char: char| char.is_alphanumeric() || char == '_');
            if !in_word && !is_biased(rest.trim_start_matches(MACRO)) {
                findings.push(Finding::at(
                    path,
                    before.matches('\n').count() + 1,
                    "`select!` does not begin with `biased;`",
                ));
            }
        }
    }
    findings
}

fn is_biased(after_macro: &str) -> bool {
    let body = after_macro.trim_start();
    let inside = body.strip_prefix(['{', '(', '[']).unwrap_or_default().trim_start();
    inside.strip_prefix("biased").is_some_and(|rest| rest.trim_start().starts_with(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Option<usize>> {
        check(&Sources::of(&[("a.rs", text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_select_that_is_not_biased_is_found() {
        assert_eq!(lines("fn a() {\n    tokio::select! {\n        x = y => {}\n    }\n}\n"), [Some(2)]);
        assert_eq!(lines("select! { biased_source.next() => {} }"), [Some(1)]);
        assert_eq!(lines("select!(a => {}); select! { biased; a => {} }"), [Some(1)]);
        assert_eq!(lines("\n\nselect! {\n// biased;\na => {} }"), [Some(3)]);
    }

    #[test]
    fn a_biased_select_and_a_mention_are_not() {
        for good in [
            "tokio::select! { biased; a => {} }",
            "select! {\n    // First things first.\n    biased;\n    a => {}\n}",
            "// a select! { a => {} }",
            "let text = \"select! { a => {} }\";",
            "my_select! { a => {} }",
        ] {
            assert_eq!(lines(good), [], "{good}");
        }
    }
}

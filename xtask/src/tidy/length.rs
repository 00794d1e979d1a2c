//! A file has one subject, and so an end.

use super::Finding;
use super::sources::Sources;

const LONGEST: usize = 800;

pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let files = sources.with_extension("rs").chain(sources.with_extension("go"));
    files
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(path, lines)| Finding::in_file(path, format!("{lines} lines: split it by subject (at most {LONGEST})")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_has_at_most_800_lines() {
        let (longest, too_long) = ("\n".repeat(800), "\n".repeat(801));
        let sources =
            Sources::of(&[("a.rs", &longest), ("b.rs", &too_long), ("c.go", &too_long), ("go.sum", &too_long)]);
        let paths: Vec<String> = check(&sources).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["b.rs", "c.go"]);
    }
}

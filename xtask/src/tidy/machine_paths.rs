//! No file names a path that exists on one machine only.

use super::Finding;
use super::sources::Sources;

/// Top folders below which people and build machines keep their work.
const FOLDERS: [&str; 6] = ["Users", "builds", "farm", "home", "root", "work"];
/// A path may follow one of these and still be another path's end: `$HOME/work/`, `../work/`, `example.com/work/`.
const CONTINUES: &str = "_.~-})";

pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in sources.all() {
        for (number, line) in text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names_a_path_below(line, folder)) {
                let message = format!("names a path of one machine, below /{folder}");
                findings.push(Finding::at(path, number + 1, message));
            }
        }
    }
    findings
}

/// Whether a path `/<folder>/<name>` begins somewhere in the line.
fn names_a_path_below(line: &str, folder: &str) -> bool {
    let prefix = format!("/{folder}/");
    line.match_indices(&prefix).any(|(position, _)| {
        let (before, rest) = line.split_at(position);
        let begins = !before.ends_with(|char: char| char.is_alphanumeric() || CONTINUES.contains(char));
        let named = rest.trim_start_matches(&prefix).starts_with(|char: char| char.is_alphanumeric() || char == '.');
        begins && named
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written in parts, or this file would be found.
    fn line_with(before: &str, path: [&str; 2]) -> String {
        format!("{before}/{}", path.join("/"))
    }

    #[test]
    fn a_path_of_a_machine_is_found_with_its_line() {
        for line in [
            line_with("cd ", ["work", "project"]),
            line_with("", ["home", "someone"]),
            line_with("path=\"", ["root", ".cache"]),
            line_with("(see ", ["Users", "someone)"]),
        ] {
            let text = format!("first\n{line}\n");
            let findings = check(&Sources::of(&[("a.md", &text)]));
            assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [Some(2)], "{line}");
        }
    }

    #[test]
    fn the_end_of_another_path_is_not() {
        for line in [
            line_with("$HOME", ["work", "project"]),
            line_with("~", ["work", "project"]),
            line_with("..", ["root", "file"]),
            line_with("https://example.com", ["work", "project"]),
            line_with("${XDG_CACHE_HOME}", ["work", "project"]),
            line_with("", ["usr", "bin"]),
            line_with("", ["root", ""]),
        ] {
            assert_eq!(check(&Sources::of(&[("a.md", &line)])), [], "{line}");
        }
    }
}

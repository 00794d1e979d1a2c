//! Links in Markdown files lead somewhere: to a file or folder of the repository, and there to the heading or line they name.

mod markdown;

use super::Finding;
use super::sources::Sources;
use markdown::{anchors, link_targets};

pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in sources.with_extension("md") {
        for (line, target) in link_targets(text) {
            if let Some(problem) = problem(sources, path, &target) {
                findings.push(Finding::at(path, line, format!("link to `{target}`: {problem}")));
            }
        }
    }
    findings
}

/// Why a link from the file `from` leads nowhere, if it does.
fn problem(sources: &Sources, from: &str, target: &str) -> Option<String> {
    // `https:`, `mailto:`: not ours to check.
    if target.split(['/', '#']).next().is_some_and(|start| start.contains(':')) {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let resolved = if path.is_empty() { Some(from.to_owned()) } else { resolve(from, path) };
    let Some(resolved) = resolved else { return Some("it leads out of the repository".into()) };
    let Some(text) = sources.get(&resolved) else {
        let folder = resolved.is_empty() || sources.has_folder(&resolved);
        return (!folder).then(|| format!("there is no {resolved}"));
    };
    let anchor = anchor?;
    let found = if resolved.ends_with(".md") {
        anchors(text).contains(anchor)
    } else {
        // GitHub's anchors into other files: `#L7`, `#L7-L9`.
        let count = text.lines().count();
        let numbers = anchor.split('-').map(|part| part.strip_prefix('L').and_then(|number| number.parse().ok()));
        numbers.into_iter().all(|number| number.is_some_and(|number: usize| (1..=count).contains(&number)))
    };
    (!found).then(|| format!("{resolved} has no #{anchor}"))
}

/// The path, from the root, of `path` as a link in the file `from` means it; `None` if it leads above the root.
fn resolve(from: &str, path: &str) -> Option<String> {
    let (folder, path) = match path.strip_prefix('/') {
        Some(from_root) => ("", from_root),
        None => (from.rsplit_once('/').map_or("", |(folder, _)| folder), path),
    };
    let path = path.replace("%20", " ");
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let sources = Sources::of(&[
            ("docs/a.md", text),
            ("docs/b.md", "# Some Title\n## Again\n## Again\n"),
            ("README.md", "# Top\n"),
            ("src/lib.rs", "one\ntwo\n"),
        ]);
        check(&sources).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        for good in [
            "[a](b.md) ![b](./b.md) [c](../README.md) [d](/docs/b.md) [e](../src/) [f](..)",
            "[a](b.md#some-title) [b](b.md#again-1) [c](../README.md#top)",
            "# Here\n[a](#here)",
            "[a](../src/lib.rs#L2) [b](../src/lib.rs#L1-L2)",
            "[a](https://example.com/no#where) [b](mailto:a@example.com)",
            "`[a](none.md)`\n```\n[a](none.md)\n```\n",
            "[a]: b.md\n[b]: <b.md> \"title\"\n",
        ] {
            assert_eq!(messages(good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        for (bad, message) in [
            ("text\n[a](none.md)", "docs/a.md:2: link to `none.md`: there is no docs/none.md"),
            ("[a](../../up.md)", "docs/a.md:1: link to `../../up.md`: it leads out of the repository"),
            ("[a](b.md#none)", "docs/a.md:1: link to `b.md#none`: docs/b.md has no #none"),
            ("[a](b.md#again-2)", "docs/a.md:1: link to `b.md#again-2`: docs/b.md has no #again-2"),
            ("[a](#none)", "docs/a.md:1: link to `#none`: docs/a.md has no #none"),
            ("[a](../src/lib.rs#L3)", "docs/a.md:1: link to `../src/lib.rs#L3`: src/lib.rs has no #L3"),
            ("[a](../src/none/)", "docs/a.md:1: link to `../src/none/`: there is no src/none"),
            ("[a]: none.md", "docs/a.md:1: link to `none.md`: there is no docs/none.md"),
        ] {
            assert_eq!(messages(bad), [message], "{bad}");
        }
    }
}

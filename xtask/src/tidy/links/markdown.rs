//! As much of Markdown as links need.

use std::collections::{BTreeMap, BTreeSet};

/// The targets of a document's links and images, and of its link definitions, each with its line number.
pub(super) fn link_targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code_spans(line);
        if let Some(target) = definition(&line) {
            targets.push((number, target));
            continue;
        }
        for (position, opening) in line.match_indices("](") {
            let rest = line.get(position + opening.len()..).unwrap_or_default();
            if let Some(target) = inline_target(rest) {
                targets.push((number, target));
            }
        }
    }
    targets
}

/// The anchors that GitHub gives a document's headings, and those it sets itself (`<a id="…">`).
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for (_, line) in prose(text) {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        if (1..=6).contains(&level) && line.as_bytes().get(level).is_some_and(u8::is_ascii_whitespace) {
            let slug = slug(line.get(level..).unwrap_or_default().trim().trim_end_matches('#').trim_end());
            let count = uses.entry(slug.clone()).or_default();
            anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
        for attribute in ["id=\"", "name=\""] {
            for part in line.split(attribute).skip(1) {
                anchors.extend(part.split_once('"').map(|(anchor, _)| anchor.to_owned()));
            }
        }
    }
    anchors
}

/// The lines outside fenced code blocks, numbered from one.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        match fence {
            None => match ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark)) {
                Some(mark) => fence = Some(mark),
                None => lines.push((index + 1, line)),
            },
            Some(mark) if start.starts_with(mark) && start.trim_matches(['`', '~', ' ']).is_empty() => fence = None,
            Some(_) => {}
        }
    }
    lines
}

/// A line with the text between backquotes taken out.
fn without_code_spans(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, code)) = rest.split_once('`') {
        text.push_str(before);
        let length = code.bytes().take_while(|byte| *byte == b'`').count();
        let mark = "`".repeat(length + 1);
        let code = code.get(length..).unwrap_or_default();
        match code.split_once(mark.as_str()) {
            Some((_, after)) => rest = after,
            // Not closed on this line: backquotes as such.
            None => rest = code,
        }
    }
    text.push_str(rest);
    text
}

/// The target of a line such as `[label]: target "title"`.
fn definition(line: &str) -> Option<String> {
    let (label, target) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    // `[^1]:` is a footnote.
    if label.contains(']') || label.starts_with('^') {
        return None;
    }
    target.split_whitespace().next().map(|target| target.trim_matches(['<', '>']).to_owned())
}

/// The target in what follows `](`, up to its end or a title.
fn inline_target(rest: &str) -> Option<String> {
    if let Some(bracketed) = rest.trim_start().strip_prefix('<') {
        return bracketed.split_once('>').map(|(target, _)| target.to_owned());
    }
    let mut depth = 0_usize;
    let end = rest.find(|char: char| {
        match char {
            '(' => depth += 1,
            ')' if depth == 0 => return true,
            ')' => depth -= 1,
            _ => {}
        }
        false
    })?;
    rest.get(..end)?.split_whitespace().next().map(str::to_owned)
}

/// GitHub's anchor for a heading: lower case, without punctuation, hyphens for spaces.
fn slug(heading: &str) -> String {
    let text = without_link_targets(heading);
    text.to_lowercase()
        .chars()
        .filter_map(|char| match char {
            ' ' => Some('-'),
            '-' | '_' => Some(char),
            char if char.is_alphanumeric() => Some(char),
            _ => None,
        })
        .collect()
}

/// A heading's text, where a link counts by its label.
fn without_link_targets(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> Vec<String> {
        link_targets(text).into_iter().map(|(_, target)| target).collect()
    }

    #[test]
    fn every_kind_of_link_is_read() {
        assert_eq!(targets("[a](b) and [![c](d)](e \"title\")"), ["b", "d", "e"]);
        assert_eq!(targets("[a](<b c>) [d](e_(f))"), ["b c", "e_(f)"]);
        assert_eq!(targets("[a]: b 'title'\n[^1]: no/link\n"), ["b"]);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(targets("`[a](b)` ``[a`](b)`` [c](d)"), ["d"]);
        assert_eq!(targets("~~~\n[a](b)\n```\n~~~\n[c](d)\n"), ["d"]);
        assert_eq!(targets("```text\n[a](b)\n```\n[c](d)\n"), ["d"]);
    }

    #[test]
    fn headings_become_githubs_anchors() {
        let text =
            "# What it is, for whom?\n## `vk-core` & co\n### A [link](b.md)\n#no\n```\n# no\n```\n<a id=\"own\"></a>\n";
        let anchors: Vec<String> = anchors(text).into_iter().collect();
        assert_eq!(anchors, ["a-link", "own", "vk-core--co", "what-it-is-for-whom"]);
    }
}

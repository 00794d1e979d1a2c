//! Rust source without its comments and literals.

/// Replaces what stands in comments, strings and character literals by spaces. Lines keep their numbers and all other text
/// its place.
pub(super) fn blank_comments_and_literals(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        // Within a word `r` or `b` opens no literal.
        let in_word = code.chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_');
        match skipped_length(rest, in_word) {
            0 => {
                code.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
            length => {
                let (skipped, after) = rest.split_at(length);
                code.extend(skipped.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
                rest = after;
            }
        }
    }
    code
}

/// The length of the comment or literal that `text` begins with, or zero.
fn skipped_length(text: &str, in_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment_length(text);
    }
    if text.starts_with('\'') {
        return character_length(text);
    }
    if in_word {
        return if text.starts_with('"') { string_length(text, 0) } else { 0 };
    }
    let prefix = text.bytes().take_while(|byte| b"bcr".contains(byte)).count().min(2);
    let after_prefix = text.get(prefix..).unwrap_or_default();
    let raw = text.get(..prefix).is_some_and(|prefix| prefix.ends_with('r'));
    let hashes = if raw { after_prefix.bytes().take_while(|byte| *byte == b'#').count() } else { 0 };
    if !after_prefix.get(hashes..).is_some_and(|text| text.starts_with('"')) {
        return 0;
    }
    if raw { raw_string_length(text, prefix + hashes, hashes) } else { string_length(text, prefix) }
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(rest) = text.get(position..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// A string whose opening quote stands at `quote`.
fn string_length(text: &str, quote: usize) -> usize {
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate().skip(quote + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return position + 1,
            _ => {}
        }
    }
    text.len()
}

/// A raw string whose opening quote stands at `quote`.
fn raw_string_length(text: &str, quote: usize, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    let body = quote + 1;
    text.get(body..).and_then(|text| text.find(&end)).map_or(text.len(), |position| body + position + end.len())
}

/// A character literal's length; zero for a lifetime, which begins with the same quote.
fn character_length(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, char)| *char == '\'').map_or(0, |(position, _)| position + 1)
        }
        Some(_) => match chars.next() {
            Some((position, '\'')) => position + 1,
            _ => 0,
        },
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_become_spaces() {
        for (source, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"a "b \" c" d"#, "a          d"),
            (r##"a r#"b " c"# d"##, "a            d"),
            (r#"a b"b" c"c" br"d" e"#, "a                 e"),
            ("a 'b' '\\'' '\"' c", "a              c"),
            ("fn a<'b>(c: &'b d) {}", "fn a<'b>(c: &'b d) {}"),
            ("var\"text\" x", "var       x"),
            ("a r#fn b", "a r#fn b"),
            ("bar(br)", "bar(br)"),
            ("'\\u{41}' a", "         a"),
            ("\"ä\" ö", "    ö"),
        ] {
            assert_eq!(blank_comments_and_literals(source), code, "{source}");
        }
    }

    #[test]
    fn what_never_ends_is_blank_to_the_end() {
        for source in ["/* a", "\"a", "r#\"a\"", "// a"] {
            assert_eq!(blank_comments_and_literals(source).trim(), "", "{source}");
        }
    }
}

//! The words of a label selector (`Lexer` in `apimachinery/pkg/labels/selector.go`).

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'text> {
    /// A key, a value, or the words `in` and `notin`, which can be either.
    Word(&'text str),
    /// `!`, `=`, `==`, `!=`, `<`, `>`, `(`, `)` or `,`.
    Symbol(&'static str),
    End,
}

impl<'text> Token<'text> {
    /// What stands there.
    pub(super) fn literal(self) -> &'text str {
        match self {
            Self::Word(word) => word,
            Self::Symbol(symbol) => symbol,
            Self::End => "",
        }
    }
}

/// Longer ones first.
const SYMBOLS: [&str; 9] = ["==", "!=", "!", "=", "<", ">", "(", ")", ","];

/// The words, and [`Token::End`] at the end.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (token, length) = next(rest);
        found.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    found.push(Token::End);
    found
}

fn next(rest: &str) -> (Token<'_>, usize) {
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        return (Token::Symbol(symbol), symbol.len());
    }
    let end = rest.find(|c: char| c.is_whitespace() || "!=<>(),".contains(c)).unwrap_or(rest.len());
    (Token::Word(rest.get(..end).unwrap_or_default()), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_need_no_space_and_the_longest_is_taken() {
        let literals: Vec<&str> = tokens("a==b, c!=d,!e").into_iter().map(Token::literal).collect();
        assert_eq!(literals, ["a", "==", "b", ",", "c", "!=", "d", ",", "!", "e", ""]);
    }
}

//! `$(NAME)` in values, commands and arguments.
//! See <https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>.

#[cfg(test)]
mod tests;

use super::late::{LatePart, LateValue};
use crate::resolved::{EnvValue, SecretString};

/// A stretch of a text that may contain `$(NAME)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text as it is, its `$$` made one.
    Text(&'a str),
    /// `$(NAME)`.
    Reference(&'a str),
}

/// Splits a text into its pieces. What is no complete reference is text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, from_dollar) = rest.split_at(dollar);
        pieces.push(Piece::Text(before));
        let after = &from_dollar[1..];
        if let Some(behind) = after.strip_prefix('$') {
            pieces.push(Piece::Text("$"));
            rest = behind;
        } else if let Some((name, behind)) = after.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
            pieces.push(Piece::Reference(name));
            rest = behind;
        } else {
            pieces.push(Piece::Text("$"));
            rest = after;
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Expands a text. A reference that `lookup` does not know stays as it is; a secret makes the whole a secret.
pub(super) fn expand<'v>(text: &str, lookup: impl Fn(&str) -> Option<&'v EnvValue>) -> EnvValue {
    let mut expanded = Expanded::default();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => expanded.text(text),
            Piece::Reference(name) => match lookup(name) {
                Some(value) => expanded.value(value),
                None => expanded.text(&format!("$({name})")),
            },
        }
    }
    expanded.into_value()
}

#[derive(Default)]
struct Expanded {
    parts: Vec<LatePart>,
    from_config_map: bool,
    from_secret: bool,
}

impl Expanded {
    fn text(&mut self, text: &str) {
        if let Some(LatePart::Text(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(LatePart::Text(text.to_owned()));
        }
    }

    fn value(&mut self, value: &EnvValue) {
        match value {
            EnvValue::Literal(text) => self.text(text),
            EnvValue::ConfigMap(text) => {
                self.from_config_map = true;
                self.text(text);
            }
            EnvValue::Secret(secret) => {
                self.from_secret = true;
                self.text(secret.reveal());
            }
            EnvValue::Late(late) => {
                self.from_secret |= late.is_secret();
                for part in late.parts() {
                    match part {
                        LatePart::Text(text) => self.text(text),
                        LatePart::Field(_) => self.parts.push(part.clone()),
                    }
                }
            }
        }
    }

    fn into_value(mut self) -> EnvValue {
        let text = match self.parts.as_mut_slice() {
            [] => String::new(),
            [LatePart::Text(text)] => std::mem::take(text),
            _ => return EnvValue::Late(LateValue::new(self.parts, self.from_secret)),
        };
        match (self.from_secret, self.from_config_map) {
            (true, _) => EnvValue::Secret(SecretString::new(text)),
            (false, true) => EnvValue::ConfigMap(text),
            (false, false) => EnvValue::Literal(text),
        }
    }
}

//! From the words of a label selector to its requirements (`Parser` in `apimachinery/pkg/labels/selector.go`).

use std::collections::BTreeSet;

use super::lexer::{Token, tokens};
use super::{Operator, Requirement};
use crate::validation::{label_key_errors, label_value_error};

/// Reads a selector; the error is the server's sentence.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { tokens: tokens(text), position: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::Word(_) | Token::Symbol("!") => {
                let requirement = parser.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?;
                requirements.push(requirement);
            }
            Token::End => return Ok(requirements),
            other => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.literal())),
        }
        match parser.take() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") if matches!(parser.peek(), Token::Word(_) | Token::Symbol("!")) => {}
            Token::Symbol(",") => {
                return Err(format!("found '{}', expected: identifier after ','", parser.peek().literal()));
            }
            other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.literal())),
        }
    }
}

struct Parser<'text> {
    tokens: Vec<Token<'text>>,
    position: usize,
}

impl<'text> Parser<'text> {
    fn peek(&self) -> Token<'text> {
        self.tokens.get(self.position).copied().unwrap_or(Token::End)
    }

    fn take(&mut self) -> Token<'text> {
        let token = self.peek();
        self.position += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == Token::Symbol("!");
        if absent {
            self.position += 1;
        }
        let Token::Word(key) = self.peek() else {
            return Err(format!("found '{}', expected: identifier", self.peek().literal()));
        };
        self.position += 1;
        let errors = label_key_errors(key);
        if !errors.is_empty() {
            return Err(format!("<nil>: Invalid value: {key:?}: {}", errors.join("; ")));
        }
        let operator = match self.peek() {
            _ if absent => Operator::Absent,
            Token::End | Token::Symbol(",") => Operator::Exists,
            _ => self.operator(key)?,
        };
        Ok(Requirement { key: key.to_owned(), operator })
    }

    fn operator(&mut self, key: &str) -> Result<Operator, String> {
        match self.take() {
            Token::Word("in") => Ok(Operator::In(checked(key, self.set()?)?)),
            Token::Word("notin") => Ok(Operator::NotIn(checked(key, self.set()?)?)),
            Token::Symbol("=" | "==") => Ok(Operator::In(checked(key, [self.value()?].into())?)),
            Token::Symbol("!=") => Ok(Operator::NotIn(checked(key, [self.value()?].into())?)),
            Token::Symbol(">") => Ok(Operator::GreaterThan(number(&self.value()?)?)),
            Token::Symbol("<") => Ok(Operator::LessThan(number(&self.value()?)?)),
            other => Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", other.literal())),
        }
    }

    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Word(word) => {
                self.position += 1;
                Ok(word.to_owned())
            }
            other => Err(format!("found '{}', expected: identifier", other.literal())),
        }
    }

    /// `(a,b)`; where nothing stands between commas, the empty value is meant.
    fn set(&mut self) -> Result<BTreeSet<String>, String> {
        match self.take() {
            Token::Symbol("(") => {}
            other => return Err(format!("found '{}' expected: '('", other.literal())),
        }
        let mut values = BTreeSet::new();
        loop {
            match self.take() {
                Token::Word(word) => {
                    values.insert(word.to_owned());
                    match self.take() {
                        Token::Symbol(",") if self.peek() == Token::Symbol(")") => {
                            values.insert(String::new());
                        }
                        Token::Symbol(",") => {}
                        Token::Symbol(")") => return Ok(values),
                        other => return Err(format!("found '{}', expected: ',' or ')'", other.literal())),
                    }
                }
                Token::Symbol(",") => {
                    values.insert(String::new());
                }
                Token::Symbol(")") => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    return Ok(values);
                }
                other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.literal())),
            }
        }
    }
}

fn checked(key: &str, values: BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    let wrong = values.iter().enumerate().find_map(|(index, value)| Some((index, value, label_value_error(value)?)));
    match wrong {
        Some((index, value, error)) => Err(format!("values[{index}][{key}]: Invalid value: {value:?}: {error}")),
        None => Ok(values),
    }
}

fn number(value: &str) -> Result<i64, String> {
    value.parse().map_err(|_| {
        format!("values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_what_was_expected() {
        for (selector, refusal) in [
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("=x", "found '=', expected: !, identifier, or 'end of string'"),
            ("a=b,", "found '', expected: identifier after ','"),
            ("a in (b) c", "found 'c', expected: ',' or 'end of string'"),
        ] {
            assert_eq!(parse(selector), Err(refusal.to_owned()), "{selector}");
        }
        for selector in ["a>b", "-", "a=-", "a in (b"] {
            assert!(parse(selector).is_err(), "{selector}");
        }
    }
}

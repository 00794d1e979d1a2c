//! Query parameters.

use std::num::{IntErrorKind, ParseIntError};

use crate::api_error::ApiError;

/// The decoded parameters, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn read(query: &str) -> Self {
        let parameters = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { parameters }
    }

    /// A parameter's value, if it was given at all.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter that may be given more than once.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.parameters.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A parameter's value; empty when it was not given.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Whether a boolean parameter is set.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|error| {
                ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: {}", reason(&error)))
            }),
        }
    }

    /// Whether the request must change nothing.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.text("dryRun") == "All"
    }
}

/// Why a text is no number, in the words of Go's `strconv`.
pub(crate) fn reason(error: &ParseIntError) -> &'static str {
    match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

/// Percent-decoding (RFC 3986 §2.1) with `+` for a space; bytes that are no UTF-8 are replaced.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
                if let (Some(high), Some(low)) = digits {
                    bytes.push(high * 16 + low);
                    rest = ahead;
                } else {
                    bytes.push(byte);
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query =
            Query::read("fieldSelector=metadata.name%3Da%2Cspec.nodeName%3D&watch=true&limit=5&x=a+b&y=%zz&watch2=0");
        assert_eq!(query.text("fieldSelector"), "metadata.name=a,spec.nodeName=");
        assert!(query.flag("watch"));
        assert!(!query.flag("watch2"));
        assert!(!query.flag("none"));
        assert_eq!(query.number("limit").unwrap(), Some(5));
        assert_eq!(query.text("x"), "a b");
        assert_eq!(query.text("y"), "%zz");
        assert!(query.number("x").is_err());
    }
}

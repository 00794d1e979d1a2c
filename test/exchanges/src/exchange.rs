//! One request and its answer, as a line of a file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum User {
    /// A member of `system:masters`.
    Admin,
    /// The kubelet of the node `$node$`.
    Node,
    /// The kubelet of the node `$other$`.
    Other,
    /// `joe`, to whom nobody gave any right.
    Joe,
}

/// How much of two answers must be equal; the HTTP code always must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compare {
    /// Everything.
    #[default]
    All,
    /// What the kernel says: it serves fewer kinds, and of each kind fewer subresources.
    Part,
    /// Kind and reason: the wording shows the types and parsers of Go.
    Reason,
    /// Nothing else: the answer shows where the server runs.
    Code,
}

impl Compare {
    fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// A request and what a real API server answered.
///
/// In path and body `$ns$`, `$node$` and `$other$` stand for a namespace and two nodes of the session's own, and
/// `$NAME$` for what an earlier exchange saved.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Who sends it.
    pub user: User,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `Content-Type`; JSON where nothing is said.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub media: String,
    /// `Accept`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub accept: String,
    /// The body, which need not be JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Spaces are added to the body until it has this many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pad: Option<usize>,
    /// Under which name UID, resourceVersion and tokens of the answer are kept for later lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<String>,
    /// The HTTP code; 0 before it was recorded.
    #[serde(default)]
    pub code: u16,
    /// The answer without what differs from run to run; nothing where only the code is compared.
    #[serde(default)]
    pub answer: Value,
    /// How much of the answer must be equal.
    #[serde(default, skip_serializing_if = "Compare::is_all")]
    pub compare: Compare,
}

/// A line that is no exchange.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct Unreadable {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub error: serde_json::Error,
}

/// Exchanges in the order in which they are sent.
#[derive(Clone, Debug)]
pub struct Recording {
    /// One for each line.
    pub exchanges: Vec<Exchange>,
}

impl Recording {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first line that is no exchange.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let exchanges = text
            .lines()
            .enumerate()
            .map(|(index, line)| serde_json::from_str(line).map_err(|error| Unreadable { line: index + 1, error }));
        Ok(Self { exchanges: exchanges.collect::<Result<_, _>>()? })
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        // An exchange holds nothing that JSON cannot say.
        self.exchanges
            .iter()
            .filter_map(|exchange| serde_json::to_string(exchange).ok())
            .map(|line| line + "\n")
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_written_as_it_was_read() {
        let text = concat!(
            r#"{"user":"admin","method":"GET","path":"/api/v1/nodes/$node$","code":404,"answer":{"kind":"Status"}}"#,
            "\n",
            r#"{"user":"joe","method":"POST","path":"/x","type":"a/b","accept":"c/d","body":"{","pad":9,"save":"s","code":400,"answer":null,"compare":"code"}"#,
            "\n",
        );
        assert_eq!(Recording::parse(text).unwrap().text(), text);
    }

    #[test]
    fn a_line_that_is_no_exchange_is_named() {
        let line = r#"{"user":"admin","method":"GET","path":"/"}"#;
        let error = Recording::parse(&format!("{line}\n{{}}\n")).unwrap_err().to_string();
        assert!(error.starts_with("line 2: missing field `user`"), "{error}");
    }
}

//! Sending a recording's requests to one server.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use crate::answer::Answer;
use crate::exchange::{Compare, Exchange};
use crate::mask;

/// The names that a session puts in place of `$ns$`, `$node$` and `$other$`.
#[derive(Clone, Debug)]
pub struct Names {
    /// A namespace.
    pub namespace: String,
    /// The node of the user `node`.
    pub node: String,
    /// The node of the user `other`.
    pub other: String,
}

impl Names {
    /// The names for a recording, from the name of its file without the ending: recordings can share one server, and
    /// certificate requests that name a node can stand in them.
    #[must_use]
    pub fn of_recording(stem: &str) -> Self {
        let beginning = stem.replace('_', "-");
        Self {
            namespace: format!("{beginning}-own-namespace"),
            node: format!("{beginning}-own-node"),
            other: format!("{beginning}-other-node"),
        }
    }

    fn pairs(&self) -> [(&'static str, &str); 3] {
        [("$ns$", &self.namespace), ("$node$", &self.node), ("$other$", &self.other)]
    }
}

/// What one server was told and has answered so far.
#[derive(Clone, Debug)]
pub struct Session {
    names: Names,
    saved: BTreeMap<String, String>,
}

impl Session {
    /// A session of which nothing was sent yet.
    #[must_use]
    pub fn new(names: Names) -> Self {
        Self { names, saved: BTreeMap::new() }
    }

    /// The request of an exchange, to be sent as its user.
    ///
    /// # Errors
    /// When method, path or a header is none.
    pub fn request(&self, exchange: &Exchange) -> http::Result<Request<Bytes>> {
        let mut body = self.fill_in(&exchange.body).into_bytes();
        if let Some(length) = exchange.pad {
            body.resize(length.max(body.len()), b' ');
        }
        let media = if exchange.media.is_empty() { "application/json" } else { &exchange.media };
        let mut request = Request::builder().method(exchange.method.as_str()).uri(self.fill_in(&exchange.path));
        if !body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, media);
        }
        if !exchange.accept.is_empty() {
            request = request.header(http::header::ACCEPT, &exchange.accept);
        }
        request.body(body.into())
    }

    /// The answer in a form that can be compared; what the exchange saves is kept.
    #[must_use]
    pub fn answered(&mut self, exchange: &Exchange, code: u16, text: &str) -> Answer {
        if let Some(name) = &exchange.save {
            self.save(name, text);
        }
        if exchange.compare == Compare::Code {
            return Answer { code, body: Value::Null };
        }
        let own = self.names.pairs().iter().fold(text.to_owned(), |text, (mark, name)| text.replace(name, mark));
        Answer { code, body: mask::comparable(&own) }
    }

    fn fill_in(&self, text: &str) -> String {
        let filled = self.names.pairs().iter().fold(text.to_owned(), |text, (mark, name)| text.replace(mark, name));
        let filled = self.saved.iter().fold(filled, |text, (name, value)| text.replace(&format!("${name}$"), value));
        fill(filled)
    }

    fn save(&mut self, name: &str, text: &str) {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        for (suffix, pointer) in [
            ("", "/metadata/uid"),
            ("_rv", "/metadata/resourceVersion"),
            ("_ct", "/metadata/continue"),
            ("_tok", "/status/token"),
        ] {
            let value = answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            self.saved.insert(format!("{name}{suffix}"), value.to_owned());
        }
    }
}

/// `$fill:N$` stands for a text of N letters, which would make a long line.
fn fill(text: String) -> String {
    const MARK: &str = "$fill:";
    let Some((before, rest)) = text.split_once(MARK) else { return text };
    match rest.split_once('$').map(|(length, after)| (length.parse::<usize>(), after)) {
        Some((Ok(length), after)) => format!("{before}{}{after}", "x".repeat(length)),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exchange(value: Value) -> Exchange {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn placeholders_are_filled_in_and_taken_out_again() {
        let mut session = Session::new(Names::of_recording("x"));
        let first =
            exchange(json!({"user": "admin", "method": "POST", "path": "/$ns$", "body": "$node$", "save": "p"}));
        let request = session.request(&first).unwrap();
        assert_eq!((request.uri().path(), &request.body()[..]), ("/x-own-namespace", &b"x-own-node"[..]));
        let text = r#"{"metadata": {"uid": "u1", "resourceVersion": "7"}, "on": "x-other-node"}"#;
        let answer = session.answered(&first, 201, text);
        assert_eq!(answer.body["on"], "$other$");
        assert_eq!(answer.body["metadata"]["resourceVersion"], "X");
        let next = exchange(json!({"user": "node", "method": "PUT", "path": "/$p$?resourceVersion=$p_rv$"}));
        assert_eq!(session.request(&next).unwrap().uri(), "/u1?resourceVersion=7");
    }

    #[test]
    fn long_texts_are_made() {
        assert_eq!(fill("a$fill:3$b".into()), "axxxb");
        assert_eq!(fill("a$fill:b".into()), "a$fill:b");
    }

    #[test]
    fn a_body_is_padded_to_a_size() {
        let session = Session::new(Names::of_recording("x"));
        let padded = exchange(json!({"user": "admin", "method": "POST", "path": "/", "body": "{}", "pad": 5}));
        assert_eq!(session.request(&padded).unwrap().body(), "{}   ");
    }
}

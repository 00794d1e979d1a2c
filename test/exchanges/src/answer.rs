//! Answers, and where two of them differ.

use std::fmt;

use serde_json::{Value, json};

use crate::exchange::{Compare, Exchange};

/// An answer without what differs from run to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// The body; an array of events for a watch.
    pub body: Value,
}

impl Answer {
    /// What an exchange says that the real server answered.
    #[must_use]
    pub fn recorded(exchange: &Exchange) -> Self {
        Self { code: exchange.code, body: exchange.answer.clone() }
    }

    fn agrees(&self, found: &Self, compare: Compare) -> bool {
        let brief = |body: &Value| json!({"kind": body["kind"], "reason": body["reason"]});
        let bodies = match compare {
            Compare::All => self.body == found.body,
            Compare::Part => holds(&self.body, &found.body),
            Compare::Reason => brief(&self.body) == brief(&found.body),
            Compare::Code => true,
        };
        bodies && self.code == found.code
    }
}

/// Whether everything in `part` stands in `whole`: each field with its value, each element of a list in any place.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(field, value)| whole.get(field).is_some_and(|own| holds(own, value)))
        }
        (Value::Array(whole), Value::Array(part)) => part.iter().all(|item| whole.iter().any(|own| holds(own, item))),
        (whole, part) => whole == part,
    }
}

/// Two answers to one request that should be equal and are not.
#[derive(Clone, Debug)]
pub struct Difference {
    line: usize,
    request: String,
    expected: Answer,
    found: Answer,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "line {}: {}", self.line, self.request)?;
        writeln!(formatter, "  expected {} {}", self.expected.code, self.expected.body)?;
        write!(formatter, "  found    {} {}", self.found.code, self.found.body)
    }
}

/// What is wrong with `found`, the answer to the exchange on this line (from 1).
#[must_use]
pub fn compare(line: usize, exchange: &Exchange, expected: &Answer, found: &Answer) -> Option<Difference> {
    if expected.agrees(found, exchange.compare) {
        return None;
    }
    let Exchange { user, method, path, body, .. } = exchange;
    let request = format!("{user:?} {method} {path} {body}");
    Some(Difference { line, request, expected: expected.clone(), found: found.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_may_lack_fields_and_elements_and_may_not_add_any() {
        let whole = json!({"kind": "List", "items": [{"name": "a", "verbs": ["get", "list"]}, {"name": "b"}]});
        for part in
            [json!({"kind": "List"}), json!({"items": [{"name": "b"}]}), json!({"items": [{"verbs": ["list"]}]})]
        {
            assert!(holds(&whole, &part), "{part}");
        }
        for other in
            [json!({"kind": "None"}), json!({"items": [{"name": "a", "verbs": ["watch"]}]}), json!({"more": 1})]
        {
            assert!(!holds(&whole, &other), "{other}");
        }
    }
}

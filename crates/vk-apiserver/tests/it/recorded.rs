//! The kernel answers as kube-apiserver 1.36.3 did: `tests/recorded/README.md` says how the answers were recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vk_apiserver::{Identity, Kernel, Now, Options, Reply, WatchStep};

#[derive(Deserialize)]
struct Exchange {
    user: String,
    method: String,
    path: String,
    #[serde(rename = "type", default = "json_media")]
    media: String,
    #[serde(default)]
    accept: String,
    #[serde(default)]
    body: String,
    save: Option<String>,
    code: u16,
    answer: Value,
    #[serde(default)]
    compare: Compare,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Compare {
    #[default]
    All,
    Reason,
    Code,
}

fn json_media() -> String {
    "application/json".into()
}

/// A kernel and what was saved from its answers.
struct Replay {
    kernel: Kernel,
    saved: BTreeMap<String, String>,
    sent: u32,
}

impl Replay {
    fn new() -> Self {
        let kernel = Kernel::new(Options::default(), Self::at(0));
        Self { kernel, saved: BTreeMap::new(), sent: 0 }
    }

    /// The time of a request: a tenth of a second after the one before.
    fn at(sent: u32) -> Now {
        let elapsed = Duration::from_millis(100) * sent;
        let wall: jiff::Timestamp = "2026-11-22T14:00:00Z".parse().unwrap();
        Now { wall: wall + elapsed, elapsed }
    }

    fn fill_in(&self, text: &str) -> String {
        self.saved.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}$"), value))
    }

    fn send(&mut self, exchange: &Exchange) -> (u16, String) {
        self.sent += 1;
        let now = Self::at(self.sent);
        let identity = match exchange.user.as_str() {
            "admin" => Identity::admin(),
            "joe" => Identity::user("joe"),
            node => Identity::node(node),
        };
        let request = http::Request::builder()
            .method(exchange.method.as_str())
            .uri(self.fill_in(&exchange.path))
            .header("content-type", &exchange.media)
            .header("accept", &exchange.accept)
            .body(Bytes::from(self.fill_in(&exchange.body)))
            .unwrap();
        match self.kernel.handle(&request, &identity, now) {
            Reply::Complete(response) => {
                (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
            }
            Reply::Watch(mut watch) => {
                let mut text = String::new();
                while let WatchStep::Deliver(events) = self.kernel.poll_watch(&mut watch, now) {
                    events.iter().for_each(|event| text.push_str(std::str::from_utf8(event).unwrap()));
                }
                (200, text)
            }
        }
    }

    fn save(&mut self, name: &str, answer: &str) {
        let answer: Value = serde_json::from_str(answer).unwrap_or_default();
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

/// An answer with everything replaced that differs from run to run.
fn normalized(text: &str) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return mask(value);
    }
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    match lines {
        Ok(lines) => lines.into_iter().map(mask).collect(),
        Err(_) => text.into(),
    }
}

fn mask(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(field, value)| match field.as_str() {
                "resourceVersion" | "continue" | "token" => (field, "X".into()),
                _ => (field, mask(value)),
            })
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(items) => items.into_iter().map(mask).collect(),
        Value::String(text) => mask_text(&text).into(),
        other => other,
    }
}

fn mask_text(text: &str) -> String {
    const SHAPES: [(&str, &str); 2] =
        [("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "UID"), ("dddd-dd-ddTdd:dd:dd", "TIME")];
    let mut masked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((shape, name)) = SHAPES.iter().find(|(shape, _)| has_shape(rest, shape)) {
            masked.push_str(name);
            rest = &rest[shape.len()..];
            if *name == "TIME" {
                rest = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim_start_matches('Z');
            }
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    match masked.find("kube-api-access-") {
        Some(start) => format!("{}X", &masked[..start + "kube-api-access-".len()]),
        None => masked,
    }
}

fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'h' => byte.is_ascii_hexdigit(),
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

fn replay(recording: &str) {
    let mut replay = Replay::new();
    let mut differing = Vec::new();
    for (index, line) in recording.lines().enumerate() {
        let exchange: Exchange = serde_json::from_str(line).unwrap();
        let (code, text) = replay.send(&exchange);
        if let Some(name) = &exchange.save {
            replay.save(name, &text);
        }
        let answer = normalized(&text);
        let brief = |answer: &Value| json!({"kind": answer["kind"], "reason": answer["reason"]});
        let same = match exchange.compare {
            Compare::All => answer == exchange.answer,
            Compare::Reason => brief(&answer) == brief(&exchange.answer),
            Compare::Code => true,
        };
        if !same || code != exchange.code {
            let Exchange { user, method, path, body, .. } = &exchange;
            differing.push(format!(
                "line {}: {user} {method} {path} {body}\n  real   {} {}\n  kernel {code} {answer}",
                index + 1,
                exchange.code,
                exchange.answer
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn nodes_and_pods() {
    replay(include_str!("../recorded/nodes_and_pods.jsonl"));
}

#[test]
fn other_kinds() {
    replay(include_str!("../recorded/other_kinds.jsonl"));
}

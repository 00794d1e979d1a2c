//! The query of `/containerLogs`, as `v1.PodLogOptions` and the kubelet read it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use vk_core::Target;
use vk_provider::{LogRequest, LogStream};

use crate::response::Refusal;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LogOptions {
    pub(crate) follow: bool,
    pub(crate) previous: bool,
    pub(crate) timestamps: bool,
    pub(crate) tail_lines: Option<u64>,
    pub(crate) limit_bytes: Option<u64>,
    pub(crate) since: Option<Since>,
    pub(crate) stream: LogStream,
}

/// Where a log is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// So many seconds before now.
    Seconds(i64),
    /// At this time.
    Time(Timestamp),
}

impl Since {
    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Seconds(seconds) => now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN),
            Self::Time(time) => time,
        }
    }
}

impl LogOptions {
    /// Reads a query string. Keys that are not known are left alone, of a repeated key the first value counts.
    pub(crate) fn parse(query: &str) -> Result<Self, Refusal> {
        let query = Query::parse(query);
        let follow = query.flag("follow");
        let previous = query.flag("previous");
        let timestamps = query.flag("timestamps");
        let since_seconds = query.number("sinceSeconds")?;
        let since_time = query.time("sinceTime")?;
        let limit_bytes = query.number("limitBytes")?;
        // `tail` is older than `tailLines`, and goes before it.
        let tail_lines = match query.get("tail") {
            Some("all") => None,
            Some("") | None => query.number("tailLines")?,
            Some(_) => query.number("tail")?,
        };

        let tail_lines = tail_lines
            .map(|lines| u64::try_from(lines).map_err(|_| invalid("tailLines: must be greater than or equal to 0")))
            .transpose()?;
        let limit_bytes = limit_bytes
            .map(|bytes| positive(bytes).ok_or_else(|| invalid("limitBytes: must be greater than 0")))
            .transpose()?;
        let since = match (since_seconds, since_time) {
            (Some(_), Some(_)) => {
                return Err(invalid("at most one of `sinceTime` or `sinceSeconds` may be specified"));
            }
            (Some(seconds), None) if seconds < 1 => return Err(invalid("sinceSeconds: must be greater than 0")),
            (Some(seconds), None) => Some(Since::Seconds(seconds)),
            (None, time) => time.map(Since::Time),
        };
        let stream = match query.get("stream") {
            None | Some("All") => LogStream::All,
            Some("Stdout") => LogStream::Stdout,
            Some("Stderr") => LogStream::Stderr,
            Some(_) => return Err(invalid("stream: must be one of All, Stderr, Stdout")),
        };
        if stream != LogStream::All && tail_lines.is_some() {
            return Err(invalid("`tailLines` and specific `stream` are mutually exclusive for now"));
        }
        Ok(Self { follow, previous, timestamps, tail_lines, limit_bytes, since, stream })
    }

    /// What the provider is asked.
    pub(crate) fn request(&self, target: Target, container: &str, now: Timestamp) -> LogRequest {
        let mut request = LogRequest::new(target, container);
        request.follow = self.follow;
        request.previous = self.previous;
        request.tail_lines = self.tail_lines;
        request.since = self.since.map(|since| since.at(now));
        request.timestamps = self.timestamps;
        request.stream = self.stream;
        request
    }
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

/// The kubelet's words and its JSON, with the field named.
fn invalid(problem: &str) -> Refusal {
    let message = json!({"message": format!("Invalid request: {problem}")});
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message.to_string())
}

fn undecodable(key: &str, rule: &str) -> Refusal {
    let message = json!({"message": format!("Unable to decode query: {key}: {rule}")});
    Refusal::bad_request(message.to_string())
}

/// Parameters by name.
struct Query<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Query<'a> {
    fn parse(query: &'a str) -> Self {
        let mut parameters = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            parameters.entry(key).or_insert(value);
        }
        Self(parameters)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(AsRef::as_ref)
    }

    /// Any value is true but `0` and `false`; `?follow` alone is true.
    fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    fn number(&self, key: &str) -> Result<Option<i64>, Refusal> {
        let number = self.get(key).map(i64::from_str).transpose();
        number.map_err(|_| undecodable(key, "must be a whole number"))
    }

    /// Clients of old wrote `null` for no time.
    fn time(&self, key: &str) -> Result<Option<Timestamp>, Refusal> {
        let value = self.get(key).filter(|value| !value.is_empty() && *value != "null");
        let time = value.map(Timestamp::from_str).transpose();
        time.map_err(|_| undecodable(key, "must be a time as in RFC 3339"))
    }
}

#[cfg(test)]
mod tests;

//! The forms that annotation values have.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use vk_core::ContainerKind;
use vk_core::quantity::Quantity;

/// Longer durations than this are refused: arithmetic on timestamps has an end.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// `1m30s`, `500ms`, `2h`, `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let remedy = || format!("{text:?} is not a duration: write it as in \"500ms\", \"10s\" or \"1m30s\"");
    let parsed = text.parse::<SignedDuration>().map_err(|_| remedy())?;
    let duration = Duration::try_from(parsed).map_err(|_| remedy())?;
    if duration > LONGEST {
        return Err(format!("{text:?} is longer than ten years"));
    }
    Ok(duration)
}

/// A duration, or `forever`.
pub(super) fn duration_or_forever(text: &str) -> Result<Duration, String> {
    if text == "forever" { Ok(Duration::MAX) } else { duration(text) }
}

/// At least a millisecond, so that a log cannot be made of nothing but lines.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_millis(1) {
        return Err(format!("{text:?} is too short: at least \"1ms\""));
    }
    Ok(interval)
}

/// What a process can exit with.
pub(super) fn exit_code(text: &str) -> Result<i32, String> {
    text.parse::<u8>().map(i32::from).map_err(|_| format!("{text:?} is not an exit code: 0 to 255"))
}

/// A CamelCase word, as the API wants reasons to be.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let mut letters = text.chars();
    let valid = letters.next().is_some_and(|c| c.is_ascii_uppercase()) && letters.all(|c| c.is_ascii_alphanumeric());
    if valid { Ok(text.to_owned()) } else { Err(format!("{text:?} is not a CamelCase word, as in \"OOMKilled\"")) }
}

/// Processors as a quantity, in thousandths.
pub(super) fn millis(text: &str) -> Result<u64, String> {
    let amount = text.parse::<Quantity>().ok().and_then(|amount| u64::try_from(amount.milli_value()).ok());
    amount.ok_or_else(|| format!("{text:?} is no amount of processors, as in \"250m\" or \"2\""))
}

/// Memory as a quantity, in bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let amount = text.parse::<Quantity>().ok().and_then(|amount| u64::try_from(amount.value()).ok());
    amount.ok_or_else(|| format!("{text:?} is no amount of memory, as in \"64Mi\""))
}

/// How a value that concerns containers may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `VALUE`, `NAME=VALUE,NAME=VALUE` or `{"NAME": VALUE}`.
    Any,
    /// `VALUE` or `{"NAME": VALUE}`, for values that may hold an equals sign.
    PlainOrJson,
}

/// A value for each container that it concerns. A plain value concerns `spec.containers`, and neither init containers nor
/// sidecars.
pub(super) fn per_container<T: Clone>(
    text: &str,
    form: Form,
    containers: &[(String, ContainerKind)],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<BTreeMap<String, T>, String> {
    let named = if text.trim_start().starts_with('{') {
        json_entries(text)?
    } else if form == Form::Any && text.contains('=') {
        list_entries(text)?
    } else {
        let value = parse(text)?;
        let app = containers.iter().filter(|(_, kind)| *kind == ContainerKind::App);
        return Ok(app.map(|(name, _)| (name.clone(), value.clone())).collect());
    };
    let mut values = BTreeMap::new();
    for (name, value) in named {
        if !containers.iter().any(|(known, _)| *known == name) {
            let known: Vec<_> = containers.iter().map(|(name, _)| name.as_str()).collect();
            return Err(format!("the pod has no container {name:?}; it has {}", known.join(", ")));
        }
        values.insert(name, parse(&value)?);
    }
    Ok(values)
}

fn json_entries(text: &str) -> Result<Vec<(String, String)>, String> {
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)
        .map_err(|error| format!("this is not a JSON object of containers ({error}), as in {{\"main\": \"5s\"}}"))?;
    let entries = object.into_iter().map(|(name, value)| match value {
        serde_json::Value::String(text) => (name, text),
        other => (name, other.to_string()),
    });
    Ok(entries.collect())
}

fn list_entries(text: &str) -> Result<Vec<(String, String)>, String> {
    let entries = text.split(',').map(|entry| {
        let (name, value) = entry
            .split_once('=')
            .ok_or_else(|| format!("{entry:?} is not of the form CONTAINER=VALUE, as in \"main=5s,sidecar=10s\""))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    });
    entries.collect()
}

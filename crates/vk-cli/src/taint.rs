//! The taint that keeps ordinary pods off the node.

use vk_core::node::Taint;

use crate::environment::Environment;
use crate::error::{UsageError, Warning};

const DEFAULT_KEY: &str = "virtual-kubelet.io/provider";
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// The node's taint. The environment wins over the flag, as in the Go project.
pub(crate) fn taint(
    flag: Option<&str>,
    provider: &str,
    environment: &Environment,
    warnings: &mut Vec<Warning>,
) -> Result<Taint, UsageError> {
    let from_environment = environment.get("VKUBELET_TAINT_KEY");
    if let (Some(flag), Some(variable)) = (flag, from_environment)
        && flag != variable
    {
        let message = format!("VKUBELET_TAINT_KEY={variable} is set too and wins: remove one of the two");
        warnings.push(Warning::new("--taint", message));
    }
    let (key, key_setting) = match (from_environment, flag) {
        (Some(key), _) => (key, "VKUBELET_TAINT_KEY"),
        (None, Some(key)) => (key, "--taint"),
        (None, None) => (DEFAULT_KEY, "--taint"),
    };
    let value = environment.get("VKUBELET_TAINT_VALUE").unwrap_or(provider);
    let effect = environment.get("VKUBELET_TAINT_EFFECT").unwrap_or(EFFECTS[0]);
    if !is_qualified_name(key) {
        let remedy = "write it as in \"virtual-kubelet.io/provider\"; value and effect are set by VKUBELET_TAINT_VALUE \
                      and VKUBELET_TAINT_EFFECT";
        return Err(UsageError::new(key_setting, format!("{key:?} cannot be the key of a taint: {remedy}")));
    }
    if !value.is_empty() && !is_name(value) {
        let remedy = "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
        let message = format!("{value:?} cannot be the value of a taint: {remedy}");
        return Err(UsageError::new("VKUBELET_TAINT_VALUE", message));
    }
    if !EFFECTS.contains(&effect) {
        let message = format!("{effect:?} is not a taint effect: use one of {}", EFFECTS.join(", "));
        return Err(UsageError::new("VKUBELET_TAINT_EFFECT", message));
    }
    Ok(Taint { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() })
}

/// A name with an optional DNS subdomain before it, as the API wants label and taint keys.
fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
    }
}

fn is_name(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && edge(text.bytes().next())
        && edge(text.bytes().next_back())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flag: Option<&str>, variables: &[(&'static str, &'static str)]) -> Result<(Taint, usize), UsageError> {
        let mut warnings = Vec::new();
        let environment = Environment::new(variables.iter().copied());
        taint(flag, "mock", &environment, &mut warnings).map(|taint| (taint, warnings.len()))
    }

    fn parts(taint: &Taint) -> (&str, &str, &str) {
        (&taint.key, &taint.value, &taint.effect)
    }

    #[test]
    fn defaults_are_the_go_projects() {
        let (taint, _) = read(None, &[]).unwrap();
        assert_eq!(parts(&taint), ("virtual-kubelet.io/provider", "mock", "NoSchedule"));
    }

    #[test]
    fn the_environment_wins_and_says_so_if_it_differs() {
        let variables =
            [("VKUBELET_TAINT_KEY", "a/b"), ("VKUBELET_TAINT_VALUE", ""), ("VKUBELET_TAINT_EFFECT", "NoExecute")];
        let (taint, warnings) = read(Some("other"), &variables).unwrap();
        assert_eq!((parts(&taint), warnings), (("a/b", "", "NoExecute"), 1));
        assert_eq!(read(Some("a/b"), &variables).unwrap().1, 0);
        assert_eq!(read(Some("other"), &[]).unwrap().0.key, "other");
    }

    #[test]
    fn each_part_is_checked_and_named() {
        type Case = (Option<&'static str>, &'static [(&'static str, &'static str)], &'static str);
        let cases: [Case; 5] = [
            (Some("key=value:NoSchedule"), &[], "--taint: \"key=value:NoSchedule\""),
            (Some(""), &[], "--taint: \"\""),
            (None, &[("VKUBELET_TAINT_KEY", "Upper.case/name")], "VKUBELET_TAINT_KEY"),
            (None, &[("VKUBELET_TAINT_VALUE", "a b")], "VKUBELET_TAINT_VALUE"),
            (None, &[("VKUBELET_TAINT_EFFECT", "Never")], "NoSchedule, PreferNoSchedule, NoExecute"),
        ];
        for (flag, variables, part) in cases {
            let message = read(flag, variables).unwrap_err().to_string();
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }
}

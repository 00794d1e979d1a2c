//! Field selectors such as `spec.nodeName=a,status.phase!=Failed`.

use serde_json::Value;

use crate::object::Object;
use crate::resource::Resource;

/// The terms of a field selector; all must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    label: String,
    negated: bool,
    value: String,
}

impl FieldSelector {
    /// Reads a selector; the error is the server's sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let terms = split_unescaped(text)
            .into_iter()
            .filter(|term| !term.is_empty())
            .map(|term| {
                parse_term(&term).ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{term}'"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value that a field must equal, if the selector says so.
    pub(crate) fn required(&self, label: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.label == label && !term.negated).map(|term| term.value.as_str())
    }

    /// Refuses fields that the kind cannot be selected by.
    pub(crate) fn check(&self, resource: &Resource) -> Result<(), String> {
        let unknown = self.terms.iter().find(|term| field_of(resource, &term.label).is_none());
        let Some(Term { label, .. }) = unknown else { return Ok(()) };
        // Kinds that can be selected by more than their name have a sentence of their own.
        let only_names = resource.fields.iter().all(|(label, ..)| label.starts_with("metadata."));
        Err(if resource.group == "batch" {
            format!("field label {label:?} not supported for {}", resource.kind)
        } else if only_names {
            format!(r#"{label:?} is not a known field selector: only "metadata.name", "metadata.namespace""#)
        } else {
            format!("field label not supported: {label}")
        })
    }

    pub(crate) fn matches(&self, resource: &Resource, object: &Object) -> bool {
        self.terms.iter().all(|term| {
            field_of(resource, &term.label)
                .is_some_and(|(pointer, absent)| (value_at(object, pointer, absent) == term.value) != term.negated)
        })
    }
}

fn field_of(resource: &Resource, label: &str) -> Option<(&'static str, &'static str)> {
    resource.fields.iter().find(|(name, ..)| *name == label).map(|(_, pointer, absent)| (*pointer, *absent))
}

fn value_at(object: &Object, pointer: &str, absent: &str) -> String {
    match object.at(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => absent.to_owned(),
    }
}

fn parse_term(term: &str) -> Option<Term> {
    let (label, negated, value) = if let Some((label, value)) = term.split_once("!=") {
        (label, true, value)
    } else if let Some((label, value)) = term.split_once("==") {
        (label, false, value)
    } else {
        let (label, value) = term.split_once('=')?;
        (label, false, value)
    };
    let value = value.replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\");
    Some(Term { label: label.to_owned(), negated, value })
}

fn split_unescaped(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for character in text.chars() {
        if character == ',' && !escaped {
            terms.push(String::new());
        } else if let Some(term) = terms.last_mut() {
            term.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    terms
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::find;

    fn pod() -> Object {
        let value = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
        Object::from_value(value).unwrap()
    }

    #[test]
    fn terms_are_joined_and_may_be_negated() {
        let pods = find("", "pods").unwrap();
        for (selector, selected) in [
            ("", true),
            ("spec.nodeName=n,metadata.name=p", true),
            ("spec.nodeName==n,status.phase!=Failed", true),
            ("spec.nodeName!=n", false),
            ("spec.nodeName=", false),
            ("spec.hostNetwork=false", true),
        ] {
            let parsed = FieldSelector::parse(selector).unwrap();
            assert_eq!(parsed.check(pods), Ok(()));
            assert_eq!(parsed.matches(pods, &pod()), selected, "{selector}");
        }
    }

    #[test]
    fn unknown_fields_and_nonsense_are_refused() {
        let pods = find("", "pods").unwrap();
        let unknown = FieldSelector::parse("spec.color=red").unwrap();
        assert_eq!(unknown.check(pods), Err("field label not supported: spec.color".into()));
        assert!(FieldSelector::parse("nonsense").is_err());
    }
}

//! Label selectors such as `app=a,tier in (x,y),!old` (Kubernetes documentation, "Labels and Selectors").

use std::collections::{BTreeMap, BTreeSet};

/// The requirements of a label selector; all must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq)]
enum Operator {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    Absent,
    GreaterThan(i64),
    LessThan(i64),
}

impl LabelSelector {
    /// Reads a selector; the error is a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let requirements = split_outside_parentheses(text)
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| parse_requirement(part).ok_or_else(|| format!("unable to parse requirement: {part}")))
            .collect::<Result<_, _>>()?;
        Ok(Self { requirements })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<&str, &str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(requirement.key.as_str()).copied();
            let number = value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::Absent => value.is_none(),
                Operator::GreaterThan(bound) => number.is_some_and(|number| number > *bound),
                Operator::LessThan(bound) => number.is_some_and(|number| number < *bound),
            }
        })
    }
}

fn parse_requirement(part: &str) -> Option<Requirement> {
    let (key, operator) = if let Some(key) = part.strip_prefix('!') {
        (key, Operator::Absent)
    } else if let Some((key, value)) = part.split_once("!=") {
        (key, Operator::NotIn([value.trim().to_owned()].into()))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Operator::In([value.trim().to_owned()].into()))
    } else if let Some((key, bound)) = part.split_once('>') {
        (key, Operator::GreaterThan(bound.trim().parse().ok()?))
    } else if let Some((key, bound)) = part.split_once('<') {
        (key, Operator::LessThan(bound.trim().parse().ok()?))
    } else if let Some(head) = part.strip_suffix(')') {
        let (head, values) = head.split_once('(')?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        match (words.next()?, words.next()?, words.next()) {
            (key, "in", None) => (key, Operator::In(values)),
            (key, "notin", None) => (key, Operator::NotIn(values)),
            _ => return None,
        }
    } else {
        (part, Operator::Exists)
    };
    let key = key.trim();
    crate::validation::qualified_name_error(key).is_none().then(|| Requirement { key: key.to_owned(), operator })
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |character: char| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator() {
        let labels = BTreeMap::from([("app", "a"), ("x.y/tier", "3")]);
        for (selector, selected) in [
            ("", true),
            ("app=a", true),
            ("app == a , x.y/tier", true),
            ("app!=a", false),
            ("none!=a", true),
            ("app in (a, b),x.y/tier notin (1,2)", true),
            ("app notin (a)", false),
            ("!none", true),
            ("!app", false),
            ("x.y/tier>2", true),
            ("x.y/tier<3", false),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap().matches(&labels), selected, "{selector}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for selector in ["a in b", "a b", "=x", "a>b", "-"] {
            assert!(LabelSelector::parse(selector).is_err(), "{selector}");
        }
    }
}

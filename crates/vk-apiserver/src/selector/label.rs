//! Label selectors such as `app=a,tier in (x,y),!old` (Kubernetes documentation, "Labels and Selectors").

mod lexer;
mod parser;

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
    /// Reads a selector; the error is the server's sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { requirements: parser::parse(text)? })
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
            ("none=", false),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap().matches(&labels), selected, "{selector}");
        }
    }
}

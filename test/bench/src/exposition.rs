//! Reading the text that Prometheus scrapes
//! ([exposition formats](https://prometheus.io/docs/instrumenting/exposition_formats/)).

use std::collections::BTreeMap;

/// One line: a name, labels, a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Sample {
    /// A label's value; empty if there is none, which means the same to Prometheus.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// The samples of these metrics; lines that cannot be read are left out.
pub(crate) fn samples(text: &str, names: &[&str]) -> Vec<Sample> {
    // A server has tens of thousands of lines: what is not wanted is passed over before it is taken apart.
    let wanted = |line: &&str| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        names.contains(&name)
    };
    text.lines().filter(wanted).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.insert(name.to_owned(), value);
        text = rest;
    }
}

/// A value up to its closing quote, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(index + 1..)?)),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped => escaped,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP a_total Something
# TYPE a_total counter
a_total{code="200",path="/x{y=\"z\"},\\"} 12
a_total{code="404"} 1.5e3 1700000000
ab_total 3
b 0.25
broken{code="200 1
"#;

    #[test]
    fn labels_and_values_are_read_and_other_metrics_are_not() {
        let found = samples(TEXT, &["a_total", "b", "broken"]);
        let values: Vec<_> =
            found.iter().map(|sample| (sample.name.as_str(), sample.label("code"), sample.value)).collect();
        assert_eq!(values, [("a_total", "200", 12.0), ("a_total", "404", 1500.0), ("b", "", 0.25)]);
        assert_eq!(found[0].label("path"), r#"/x{y="z"},\"#);
    }
}

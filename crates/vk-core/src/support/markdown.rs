//! A [`SupportTable`] as documentation.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::catalogue::{self, Field, FieldGroup};
use super::table::{SupportTable, TokenVolume, Values};

impl SupportTable {
    /// The table in Markdown: one section for each group of fields, in which fields that fare alike share a row.
    pub fn to_markdown(&self) -> String {
        let mut text = self.switches();
        for group in FieldGroup::ALL.iter().filter(|group| **group != FieldGroup::ControlPlane) {
            text.push_str(&format!("\n### {}\n\n| field | honoured |\n| --- | --- |\n", group.title()));
            for (path, honoured) in self.rows(*group) {
                text.push_str(&format!("| `{path}` | {honoured} |\n"));
            }
        }
        text.push_str(&format!("\n### {}\n\n", FieldGroup::ControlPlane.title()));
        let consumed = catalogue::fields().filter(|field| !field.is_request());
        let names: Vec<String> = consumed.map(|field| format!("`{}`", field.path.trim_end_matches(".**"))).collect();
        text.push_str(&format!("{}\n", names.join(", ")));
        text
    }

    fn switches(&self) -> String {
        let honoured = |honoured: bool| if honoured { "yes" } else { "no" };
        let token_volume = match self.token_volume {
            TokenVolume::Honour => "yes",
            TokenVolume::Omit => "left out, pods run without",
            TokenVolume::Refuse => "no, set `automountServiceAccountToken: false`",
        };
        format!(
            "| part of a pod | honoured |\n| --- | --- |\n| init containers | {} |\n| sidecars (init containers with \
             `restartPolicy: Always`) | {} |\n| ephemeral containers | {} |\n| service account token volume | {} |\n",
            honoured(self.init_containers),
            honoured(self.sidecars),
            honoured(self.ephemeral_containers),
            token_volume,
        )
    }

    fn rows(&self, group: FieldGroup) -> Vec<(String, String)> {
        let mut covered = BTreeSet::new();
        let mut rows = Vec::new();
        for field in catalogue::fields().filter(|field| field.group == group) {
            if covered.contains(&field.path) {
                continue;
            }
            let verdict = self.verdict(field);
            let mut wholes = ancestors(&field.path).chain([field.path.as_str()]);
            let whole = wholes.find_map(|path| Some((path, self.exceptions(path, group, &verdict)?)));
            if let Some((path, _)) = &whole {
                covered.extend(at_and_below(path).filter(|other| other.group == group).map(|other| &other.path));
            }
            let (path, exceptions) = whole.unwrap_or((&field.path, String::new()));
            rows.push((path.to_owned(), verdict + &exceptions));
            rows.extend(self.rules_for_keys(field));
        }
        rows
    }

    /// Whether one row may stand for the fields of this group at and below the path, and the fields of other groups that it
    /// has to except.
    fn exceptions(&self, path: &str, group: FieldGroup, verdict: &str) -> Option<String> {
        let (own, others): (Vec<&Field>, Vec<&Field>) = at_and_below(path).partition(|field| field.group == group);
        if others.iter().any(|field| !field.is_request()) {
            return None;
        }
        let unlike: Vec<&Field> = others.into_iter().filter(|field| self.verdict(field) != verdict).collect();
        let few = unlike.is_empty() || (verdict == "yes" && unlike.len() < own.len() && unlike.len() <= 3);
        if !few || own.iter().any(|field| self.verdict(field) != verdict) {
            return None;
        }
        let below =
            |field: &&Field| field.path[path.len()..].trim_start_matches("[]").trim_start_matches('.').to_owned();
        let names: Vec<String> = unlike.iter().map(|field| format!("`{}`", below(field))).collect();
        Some(if names.is_empty() { String::new() } else { format!(", except {}", names.join(", ")) })
    }

    fn verdict(&self, field: &Field) -> String {
        match self.rules.get(&field.path) {
            _ if self.covers(&field.path) => "yes".to_owned(),
            Some(Values::Any) => "yes".to_owned(),
            Some(values) => format!("only {}", values.describe()),
            None => "no".to_owned(),
        }
    }

    /// Whether a rule ending in `.**` covers the field.
    fn covers(&self, path: &str) -> bool {
        let subtrees = self.rules.keys().filter_map(|rule| rule.strip_suffix(".**"));
        subtrees.into_iter().any(|subtree| catalogue::is_below(path, subtree))
    }

    /// Rules for single keys of the map that this field stands for.
    fn rules_for_keys(&self, field: &Field) -> Vec<(String, String)> {
        let Some(map) = field.path.strip_suffix(".*") else { return Vec::new() };
        let keys = self.rules.iter().filter(|(rule, _)| rule.starts_with(&format!("{map}['")));
        let verdict = |values: &Values| match values {
            Values::Any => "yes".to_owned(),
            values => format!("only {}", values.describe()),
        };
        keys.map(|(rule, values)| (rule.clone(), verdict(values))).collect()
    }
}

/// The paths above this one that may stand for all that lies below them, the topmost first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices(['.', '[']).map(|(end, _)| end);
    let above = ends.map(|end| &path[..end]);
    above.filter(|path| {
        !matches!(*path, "spec" | "spec.containers" | "spec.containers[]" | "spec.volumes" | "spec.volumes[]")
    })
}

fn at_and_below(path: &str) -> impl Iterator<Item = &'static Field> {
    catalogue::fields().filter(move |field| field.path == path || catalogue::is_below(&field.path, path))
}

//! Walks a pod's spec beside the catalogue and the rules.

use k8s_openapi::api::core::v1::Volume;
use serde_json::{Map, Value};

use super::UnsupportedField;
use crate::support::catalogue::{self, FieldKind};
use crate::support::table::{SupportTable, TokenVolume, Values};
use crate::support::token_volume::{MOUNT_PATH, NAME_PREFIX, is_injected_token_volume};

const NOT_HONOURED: &str = "not honoured by this provider";
const NOT_KNOWN: &str = "not known to this version of the agent, so not honoured";

pub(super) fn walk(table: &SupportTable, spec: &Map<String, Value>) -> Vec<UnsupportedField> {
    let root = Place { path: "spec".to_owned(), pattern: "spec".to_owned() };
    let mut walk = Walk {
        table,
        host_network: spec.get("hostNetwork") == Some(&Value::Bool(true)),
        token_volumes: token_volumes(spec),
        found: Vec::new(),
    };
    if !walk.covers_all_below(&root.pattern) {
        walk.members(spec, &root);
    }
    walk.found
}

/// Names of the token volumes that admission added.
fn token_volumes(spec: &Map<String, Value>) -> Vec<&str> {
    let volumes = spec.get("volumes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let named = volumes.iter().filter_map(|volume| Some((volume.get("name")?.as_str()?, volume)));
    let injected = named.filter(|(name, volume)| {
        name.starts_with(NAME_PREFIX)
            && serde_json::from_value::<Volume>((*volume).clone()).is_ok_and(|volume| is_injected_token_volume(&volume))
    });
    injected.map(|(name, _)| name).collect()
}

/// Where the walk is: in the pod, and in the catalogue.
struct Place {
    /// `spec.initContainers[0].image`
    path: String,
    /// `spec.containers[].image`
    pattern: String,
}

impl Place {
    fn member(&self, key: &str) -> Self {
        let mut pattern = format!("{}.{key}", self.pattern);
        let any_key = format!("{}.*", self.pattern);
        let (path, plain) = if key.chars().all(|c| c.is_ascii_alphanumeric()) {
            (format!("{}.{key}", self.path), true)
        } else {
            (format!("{}[{key:?}]", self.path), false)
        };
        if catalogue::is_known(&any_key) && (!plain || !catalogue::is_known(&pattern)) {
            pattern = any_key;
        }
        Self { path, pattern }
    }

    fn entry(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), pattern: format!("{}[]", self.pattern) }
    }
}

struct Walk<'a> {
    table: &'a SupportTable,
    host_network: bool,
    token_volumes: Vec<&'a str>,
    found: Vec<UnsupportedField>,
}

impl Walk<'_> {
    fn members(&mut self, object: &Map<String, Value>, place: &Place) {
        for (key, value) in object {
            let member = place.member(key);
            match member.path.as_str() {
                "spec.initContainers" | "spec.ephemeralContainers" => self.other_containers(key, value, &member),
                _ => self.visit(value, key, object, &member),
            }
        }
    }

    /// Init and ephemeral containers: if they are honoured at all, the rules for containers hold for them.
    fn other_containers(&mut self, kind: &str, value: &Value, place: &Place) {
        for (index, container) in value.as_array().into_iter().flatten().enumerate() {
            let Some(container) = container.as_object() else { continue };
            let place = Place { path: format!("{}[{index}]", place.path), pattern: "spec.containers[]".to_owned() };
            let is_sidecar = container.get("restartPolicy").is_some_and(|policy| policy == "Always");
            let (honoured, name) = match kind {
                "ephemeralContainers" => (self.table.ephemeral_containers, "ephemeral containers"),
                _ if is_sidecar => (self.table.sidecars, "init containers with restartPolicy Always"),
                _ => (self.table.init_containers, "init containers"),
            };
            if !honoured {
                self.report(&place, format!("{name} are {NOT_HONOURED}"));
            } else if is_sidecar {
                let mut without_policy = container.clone();
                without_policy.remove("restartPolicy");
                self.members(&without_policy, &place);
            } else {
                self.members(container, &place);
            }
        }
    }

    fn visit(&mut self, value: &Value, key: &str, parent: &Map<String, Value>, place: &Place) {
        if self.covers_all_below(&place.pattern) || is_consumed(&place.pattern) || value.is_null() {
            return;
        }
        match value {
            _ if !catalogue::is_known(&place.pattern) => self.unknown(value, key, place),
            Value::Object(object) => self.object(object, key, parent, place),
            Value::Array(entries) if catalogue::field(&place.pattern).is_none() => self.entries(entries, place),
            _ => self.leaf(value, key, parent, place),
        }
    }

    fn object(&mut self, object: &Map<String, Value>, key: &str, parent: &Map<String, Value>, place: &Place) {
        if catalogue::field(&place.pattern).is_some() {
            let found = self.found.len();
            self.leaf(&Value::Object(object.clone()), key, parent, place);
            if self.found.len() > found {
                return;
            }
        }
        self.whole(object, place);
    }

    /// Nothing of it is honoured: one message says so, instead of one for each of its fields.
    fn whole(&mut self, object: &Map<String, Value>, place: &Place) {
        let found = self.found.len();
        self.members(object, place);
        if self.found.len() > found && !self.has_rules_below(&place.pattern) {
            self.found.truncate(found);
            self.report(place, NOT_HONOURED);
        }
    }

    fn entries(&mut self, entries: &[Value], place: &Place) {
        for (index, entry) in entries.iter().enumerate() {
            let entry_place = place.entry(index);
            match entry.as_object() {
                _ if self.is_settled_by_token_policy(entry, &entry_place) => {}
                _ if self.covers_all_below(&entry_place.pattern) || is_consumed(&entry_place.pattern) => {}
                // The kind of a volume says more than its index.
                Some(object) if entry_place.pattern == "spec.volumes[]" => self.members(object, &entry_place),
                Some(object) => self.whole(object, &entry_place),
                None => self.report(&entry_place, NOT_KNOWN),
            }
        }
    }

    /// The injected token volume and its mounts do not go by the rules.
    fn is_settled_by_token_policy(&mut self, entry: &Value, place: &Place) -> bool {
        let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
        if !self.token_volumes.contains(&name) {
            return false;
        }
        match place.pattern.as_str() {
            "spec.volumes[]" => {
                if self.table.token_volume == TokenVolume::Refuse {
                    let advice = "set automountServiceAccountToken: false";
                    self.report(place, format!("service account tokens are {NOT_HONOURED}; {advice}"));
                }
                true
            }
            "spec.containers[].volumeMounts[]" => entry.get("mountPath").is_some_and(|path| path == MOUNT_PATH),
            _ => false,
        }
    }

    fn leaf(&mut self, value: &Value, key: &str, parent: &Map<String, Value>, place: &Place) {
        let Some(field) = catalogue::field(&place.pattern) else { return };
        if !self.asks(&field.kind, value, parent) {
            return;
        }
        match self.rule(&place.pattern, key) {
            None => self.report(place, NOT_HONOURED),
            Some(values) if !values.permit(value) => {
                let message = format!("{} is {NOT_HONOURED}, only {} is", shorten(value), values.describe());
                self.report(place, message);
            }
            Some(_) => {}
        }
    }

    fn unknown(&mut self, value: &Value, key: &str, place: &Place) {
        match self.rule(&place.pattern, key) {
            Some(values) if values.permit(value) => {}
            Some(_) => self.report(place, NOT_HONOURED),
            None => self.report(place, NOT_KNOWN),
        }
    }

    fn asks(&self, kind: &FieldKind, value: &Value, parent: &Map<String, Value>) -> bool {
        match kind {
            FieldKind::Consumed => false,
            FieldKind::Presence => true,
            FieldKind::Request => !is_empty(value) && value != &Value::Bool(false),
            FieldKind::RequestUnless(default) => !is_empty(value) && value != default,
            FieldKind::PullPolicy { image } => {
                let image = parent.get(*image).and_then(Value::as_str).unwrap_or_default();
                !is_empty(value) && value != default_pull_policy(image)
            }
            FieldKind::HostPort => {
                let follows_host_network = self.host_network && parent.get("containerPort") == Some(value);
                value != 0 && !follows_host_network
            }
        }
    }

    fn rule(&self, pattern: &str, key: &str) -> Option<&Values> {
        let of_key = pattern.strip_suffix(".*").and_then(|map| self.table.rules.get(&format!("{map}['{key}']")));
        of_key.or_else(|| self.table.rules.get(pattern))
    }

    fn covers_all_below(&self, pattern: &str) -> bool {
        self.table.rules.contains_key(&format!("{pattern}.**"))
    }

    fn has_rules_below(&self, pattern: &str) -> bool {
        self.table.rules.contains_key(pattern) || catalogue::has_below(&self.table.rules, pattern)
    }

    fn report(&mut self, place: &Place, message: impl Into<String>) {
        let mut message = message.into();
        if let Some(advice) = self.table.advice.get(&place.pattern) {
            message = format!("{message}; {advice}");
        }
        self.found.push(UnsupportedField { path: place.path.clone(), message });
    }
}

fn is_consumed(pattern: &str) -> bool {
    let all_below = || catalogue::field(&format!("{pattern}.**"));
    catalogue::field(pattern).or_else(all_below).is_some_and(|field| !field.is_request())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What the API server fills in: `Always` for the tag `latest`, which is also meant where there is neither tag nor digest.
fn default_pull_policy(image: &str) -> &'static str {
    let without_digest = image.split('@').next().unwrap_or(image);
    let name = without_digest.rsplit('/').next().unwrap_or(without_digest);
    match name.split_once(':') {
        Some((_, "latest")) => "Always",
        None if without_digest == image => "Always",
        _ => "IfNotPresent",
    }
}

fn shorten(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

//! The configuration file: the Go project's JSON, `{"NODENAME": {"cpu", "memory", "pods", "others", "providerID"}}`.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use vk_core::quantity::Quantity as Amount;
use vk_provider::node::NodeShape;
use vk_provider::{ConfigDocument, Error, Result};

const DEFAULT_CPU: &str = "20";
const DEFAULT_MEMORY: &str = "100Gi";
const DEFAULT_PODS: &str = "20";

/// How large one mock node is, as its entry in the configuration file says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeConfig {
    /// `cpu`, a Kubernetes quantity; 20 unless given.
    pub cpu: String,
    /// `memory`, a Kubernetes quantity; 100Gi unless given.
    pub memory: String,
    /// `pods`, a Kubernetes quantity; 20 unless given.
    pub pods: String,
    /// `others`: further resources by name, as in `nvidia.com/gpu`.
    pub others: BTreeMap<String, String>,
    /// `providerID`: what `spec.providerID` of the Node becomes.
    pub provider_id: Option<String>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            cpu: DEFAULT_CPU.to_owned(),
            memory: DEFAULT_MEMORY.to_owned(),
            pods: DEFAULT_PODS.to_owned(),
            others: BTreeMap::new(),
            provider_id: None,
        }
    }
}

impl NodeConfig {
    /// Reads the entry of this node. Defaults apply where the document, the entry or a field of it is missing.
    ///
    /// # Errors
    /// [`vk_provider::ErrorKind::Invalid`]: the message has file, line, column, field and what is allowed there.
    pub fn read(document: &ConfigDocument, node_name: &str) -> Result<Self> {
        if document.is_absent() {
            return Ok(Self::default());
        }
        let mut nodes = parse(&document.text)
            .map_err(|error| Error::invalid("--provider-config", format!("{}: {error}", document.source())))?;
        if let Some(node) = nodes.remove(node_name) {
            return Ok(node);
        }
        let described: Vec<_> = nodes.keys().map(String::as_str).collect();
        tracing::warn!(
            file = document.source(),
            node = node_name,
            described = described.join(", "),
            "the provider configuration has no entry for this node: defaults apply"
        );
        Ok(Self::default())
    }

    /// What the Node object says.
    pub fn shape(&self) -> NodeShape {
        let fixed = [("cpu", &self.cpu), ("memory", &self.memory), ("pods", &self.pods)];
        let others = self.others.iter().map(|(name, amount)| (name.as_str(), amount));
        let capacity = others.chain(fixed).map(|(name, amount)| (name.to_owned(), Quantity(amount.clone()))).collect();
        let mut shape = NodeShape::with_capacity(capacity);
        shape.provider_id.clone_from(&self.provider_id);
        shape.info.container_runtime_version = concat!("mock://", env!("CARGO_PKG_VERSION")).to_owned();
        shape
    }
}

fn parse(text: &str) -> serde_json::Result<BTreeMap<String, NodeConfig>> {
    let mut input = serde_json::Deserializer::from_str(text);
    let nodes = input.deserialize_map(NodesVisitor)?;
    input.end()?;
    Ok(nodes)
}

struct NodesVisitor;

impl<'de> Visitor<'de> for NodesVisitor {
    type Value = BTreeMap<String, NodeConfig>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"an object with one entry for each node, as in {"NODENAME": {"cpu": "20"}}"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut nodes = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let node = map.next_value_seed(NodeSeed { name: &name })?;
            nodes.insert(name, node);
        }
        Ok(nodes)
    }
}

/// Reads one node's entry; carries the node's name for messages. Keys are matched without regard to case, as Go does.
struct NodeSeed<'a> {
    name: &'a str,
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = NodeConfig;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<NodeConfig, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = NodeConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"an object with "cpu", "memory", "pods", "others" and "providerID" for node {:?}"#, self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeConfig, A::Error> {
        let mut node = NodeConfig::default();
        while let Some(key) = map.next_key::<String>()? {
            let path = format!("{}.{key}", self.name);
            match key.to_ascii_lowercase().as_str() {
                "cpu" => quantity(&mut map, &path, &mut node.cpu)?,
                "memory" => quantity(&mut map, &path, &mut node.memory)?,
                "pods" => quantity(&mut map, &path, &mut node.pods)?,
                "others" => node.others = map.next_value_seed(OthersSeed { path: &path })?,
                "providerid" => node.provider_id = map.next_value_seed(Field { path: &path, kind: Kind::Text })?,
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                    tracing::warn!(field = path, "the mock provider does not know this field: it is ignored");
                }
            }
        }
        Ok(node)
    }
}

/// One value: a string; an empty one and `null` mean that nothing was given, as in Go.
struct Field<'a> {
    path: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Quantity,
    Text,
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl Visitor<'_> for Field<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string in double quotes at {}", self.path)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() {
            return Ok(None);
        }
        if self.kind == Kind::Quantity {
            check_amount(text).map_err(|why| E::custom(format!("{}: {why}", self.path)))?;
        }
        Ok(Some(text.to_owned()))
    }
}

fn check_amount(text: &str) -> Result<(), String> {
    let amount: Amount = text.parse().map_err(|error: vk_core::quantity::QuantityError| error.to_string())?;
    if amount.milli_value() < 0 { Err(format!("{text:?} is negative: a node has zero or more")) } else { Ok(()) }
}

fn quantity<'de, A: MapAccess<'de>>(map: &mut A, path: &str, target: &mut String) -> Result<(), A::Error> {
    if let Some(text) = map.next_value_seed(Field { path, kind: Kind::Quantity })? {
        *target = text;
    }
    Ok(())
}

struct OthersSeed<'a> {
    path: &'a str,
}

impl<'de> DeserializeSeed<'de> for OthersSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OthersSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"an object at {}, as in {{"nvidia.com/gpu": "1"}}"#, self.path)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut others = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let mut amount = "0".to_owned();
            quantity(&mut map, &format!("{}.{key}", self.path), &mut amount)?;
            others.insert(key, amount);
        }
        Ok(others)
    }
}

#[cfg(test)]
mod tests;

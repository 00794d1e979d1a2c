//! [`container_env`]: what a container finds in its environment and on its command line.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar as DeclaredVariable, EnvVarSource, Pod};

use super::container::{ContainerSpec, container};
use super::data::NodeFacts;
use super::error::ResolveError;
use super::expansion::{Piece, expand, pieces};
use super::late::LateFields;
use super::reference::{Data, Reference, ReferenceData};
use super::services::service_variables;
use super::{field, resource};
use crate::resolved::{EnvValue, EnvVar, ResolvedContainer, SecretString};

/// The environment and command line of the pod's container of this name, as a kubelet would define them.
///
/// Variables come in this order: those of Services that the container does not define itself, those of `envFrom`, those of
/// `env`. Of several definitions of a name the last one counts, in its place. A reference to an optional object or key
/// that does not exist defines nothing, which leaves an earlier definition in force.
///
/// # Errors
/// What is missing or wrong, by the first such reference.
pub fn container_env(
    pod: &Pod,
    name: &str,
    data: &ReferenceData,
    node: &NodeFacts,
    late: &LateFields,
) -> Result<ResolvedContainer, ResolveError> {
    let container = container(pod, name)?;
    let mut resolved = ResolvedContainer::new(name, container.kind);
    let mut environment = Environment::with_services(pod, data)?;
    for (index, source) in container.env_from.iter().enumerate() {
        let path = format!("{}.envFrom[{index}]", container.path);
        for (name, value) in from_object(source, &path, data)? {
            if is_variable_name(&name) {
                environment.define(name, value);
            } else {
                resolved.skipped.push(name);
            }
        }
    }
    for (index, variable) in container.env.iter().enumerate() {
        let path = format!("{}.env[{index}]", container.path);
        if !is_variable_name(&variable.name) {
            let message = format!("{:?} cannot name an environment variable", variable.name);
            return Err(ResolveError::invalid(format!("{path}.name"), message));
        }
        let surroundings = Surroundings { pod, container: &container, data, node, late };
        if let Some(value) = surroundings.value(variable, &path, &environment)? {
            environment.define(variable.name.clone(), value);
        }
    }
    let expand_all = |words: &[String]| words.iter().map(|word| environment.expand(word)).collect();
    resolved.command = expand_all(container.command);
    resolved.args = expand_all(container.args);
    resolved.env = environment.into_variables();
    Ok(resolved)
}

/// `subPathExpr` of a volume mount, expanded.
///
/// # Errors
/// [`ResolveError::Unfit`] if a variable is missing, empty, or not known yet: the path would lead elsewhere.
pub fn expand_sub_path(expression: &str, container: &ResolvedContainer) -> Result<String, ResolveError> {
    let mut path = String::new();
    for piece in pieces(expression) {
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Reference(name) => {
                let variable = container.env.iter().find(|variable| variable.name == name);
                let value = variable.and_then(|variable| variable.value.reveal()).filter(|value| !value.is_empty());
                let missing = || ResolveError::unfit("subPathExpr", format!("variable {name:?} has no value"));
                path.push_str(value.ok_or_else(missing)?);
            }
        }
    }
    Ok(path)
}

/// Variables defined so far.
struct Environment {
    services: BTreeMap<String, EnvValue>,
    services_in_order: Vec<String>,
    /// Every definition in order; the latest of a name is the one in `latest`.
    own: Vec<EnvVar>,
    latest: BTreeMap<String, usize>,
}

impl Environment {
    fn with_services(pod: &Pod, data: &ReferenceData) -> Result<Self, ResolveError> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let links = pod.spec.as_ref().and_then(|spec| spec.enable_service_links).unwrap_or(true);
        let services = match data.require(&Reference::Services)? {
            Data::Services(services) => services,
            _ => return Err(ResolveError::NotRead { reference: Reference::Services }),
        };
        let variables = service_variables(services, namespace, links);
        Ok(Self {
            services_in_order: variables.iter().map(|(name, _)| name.clone()).collect(),
            services: variables.into_iter().map(|(name, value)| (name, EnvValue::Literal(value))).collect(),
            own: Vec::new(),
            latest: BTreeMap::new(),
        })
    }

    fn define(&mut self, name: String, value: EnvValue) {
        self.latest.insert(name.clone(), self.own.len());
        self.own.push(EnvVar { name, value });
    }

    fn get(&self, name: &str) -> Option<&EnvValue> {
        let own = self.latest.get(name).and_then(|index| self.own.get(*index)).map(|variable| &variable.value);
        own.or_else(|| self.services.get(name))
    }

    fn expand(&self, text: &str) -> EnvValue {
        expand(text, |name| self.get(name))
    }

    fn into_variables(mut self) -> Vec<EnvVar> {
        self.services_in_order.retain(|name| !self.latest.contains_key(name));
        let mut variables = Vec::with_capacity(self.services_in_order.len() + self.latest.len());
        for name in self.services_in_order {
            if let Some(value) = self.services.remove(&name) {
                variables.push(EnvVar { name, value });
            }
        }
        let latest = &self.latest;
        let in_force = self.own.into_iter().enumerate();
        variables.extend(in_force.filter(|(index, own)| latest.get(&own.name) == Some(index)).map(|(_, own)| own));
        variables
    }
}

/// The variables of one `envFrom` entry, in the order of their keys.
fn from_object(
    source: &EnvFromSource,
    path: &str,
    data: &ReferenceData,
) -> Result<Vec<(String, EnvValue)>, ResolveError> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    let named = |key: &str| format!("{prefix}{key}");
    if let Some(from) = &source.config_map_ref {
        let reference = Reference::ConfigMap(from.name.clone());
        let Some(object) = data.config_map(&reference, from.optional)? else { return Ok(Vec::new()) };
        let values = object.text.iter().map(|(key, value)| Ok((named(key), config_map_value(value, key, &reference)?)));
        values.collect()
    } else if let Some(from) = &source.secret_ref {
        let reference = Reference::Secret(from.name.clone());
        let Some(object) = data.secret(&reference, from.optional)? else { return Ok(Vec::new()) };
        let values = object.values.iter().map(|(key, value)| Ok((named(key), secret_value(value, key, &reference)?)));
        values.collect()
    } else {
        Err(ResolveError::unsupported(path, "neither configMapRef nor secretRef"))
    }
}

/// What the value of a declared variable may depend on.
struct Surroundings<'a> {
    pod: &'a Pod,
    container: &'a ContainerSpec<'a>,
    data: &'a ReferenceData,
    node: &'a NodeFacts,
    late: &'a LateFields,
}

impl Surroundings<'_> {
    /// `None` leaves the variable as it was.
    fn value(
        &self,
        variable: &DeclaredVariable,
        path: &str,
        environment: &Environment,
    ) -> Result<Option<EnvValue>, ResolveError> {
        let literal = variable.value.as_deref().unwrap_or_default();
        match &variable.value_from {
            Some(source) if literal.is_empty() => self.value_from(source, &format!("{path}.valueFrom")),
            _ if literal.contains('\0') => {
                Err(ResolveError::invalid(format!("{path}.value"), "an environment variable cannot contain NUL"))
            }
            _ => Ok(Some(environment.expand(literal))),
        }
    }

    fn value_from(&self, source: &EnvVarSource, path: &str) -> Result<Option<EnvValue>, ResolveError> {
        if let Some(selector) = &source.field_ref {
            let path = format!("{path}.fieldRef");
            return field::variable(selector, &path, self.pod, self.node, self.late).map(Some);
        }
        if let Some(selector) = &source.resource_field_ref {
            let path = format!("{path}.resourceFieldRef");
            let text = resource::variable(selector, &path, self.container, self.pod, self.node)?;
            return Ok(Some(EnvValue::Literal(text)));
        }
        if let Some(selector) = &source.config_map_key_ref {
            let reference = Reference::ConfigMap(selector.name.clone());
            let object = self.data.config_map(&reference, selector.optional)?;
            let value = object.map(|object| object.text.get(&selector.key));
            return match value.flatten() {
                Some(value) => config_map_value(value, &selector.key, &reference).map(Some),
                None => absent_key(selector.optional, reference, &selector.key),
            };
        }
        if let Some(selector) = &source.secret_key_ref {
            let reference = Reference::Secret(selector.name.clone());
            let object = self.data.secret(&reference, selector.optional)?;
            let value = object.map(|object| object.values.get(&selector.key));
            return match value.flatten() {
                Some(value) => secret_value(value, &selector.key, &reference).map(Some),
                None => absent_key(selector.optional, reference, &selector.key),
            };
        }
        Err(ResolveError::unsupported(
            path,
            "only configMapKeyRef, secretKeyRef, fieldRef and resourceFieldRef are resolved",
        ))
    }
}

fn absent_key(optional: Option<bool>, reference: Reference, key: &str) -> Result<Option<EnvValue>, ResolveError> {
    match optional {
        Some(true) => Ok(None),
        _ => Err(ResolveError::KeyNotFound { reference, key: key.to_owned() }),
    }
}

fn config_map_value(text: &str, key: &str, reference: &Reference) -> Result<EnvValue, ResolveError> {
    if text.contains('\0') {
        return Err(ResolveError::NotText { reference: reference.clone(), key: key.to_owned() });
    }
    Ok(EnvValue::ConfigMap(text.to_owned()))
}

fn secret_value(bytes: &[u8], key: &str, reference: &Reference) -> Result<EnvValue, ResolveError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(EnvValue::Secret(SecretString::new(text))),
        _ => Err(ResolveError::NotText { reference: reference.clone(), key: key.to_owned() }),
    }
}

/// Printable ASCII without `=`, as the API server demands since 1.34 (KEP-4369).
fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=')
}

//! `resourceFieldRef`: what a container may learn about its resources.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, ResourceFieldSelector};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use super::container::{ContainerSpec, container};
use super::data::NodeFacts;
use super::error::ResolveError;
use crate::observation::ContainerKind;
use crate::quantity::{Format, Quantity};

type Amounts = BTreeMap<String, ApiQuantity>;

/// Resources of which a container without limit may use all that there is.
const OVERCOMMITTED: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// The value for an environment variable of `own`; `path` is that of the `resourceFieldRef`.
///
/// Where a container has no limit, its limit is that of the pod, or else all that is allocatable on the node; like the
/// kubelet, this leaves out init containers that are referred to by name.
pub(super) fn variable(
    selector: &ResourceFieldSelector,
    path: &str,
    own: &ContainerSpec<'_>,
    pod: &Pod,
    node: &NodeFacts,
) -> Result<String, ResolveError> {
    let pod_limits = pod.spec.as_ref().and_then(|spec| spec.resources.as_ref()).and_then(|all| all.limits.as_ref());
    match selector.container_name.as_deref().unwrap_or_default() {
        "" => value(selector, path, own, Some((pod_limits, node))),
        name => {
            let other = named(pod, name, path)?;
            let has_defaults = other.kind == ContainerKind::App;
            value(selector, path, &other, has_defaults.then_some((pod_limits, node)))
        }
    }
}

/// The text for a file; `path` is that of the `resourceFieldRef`.
pub(super) fn file(
    selector: &ResourceFieldSelector,
    path: &str,
    pod: &Pod,
    node: &NodeFacts,
) -> Result<String, ResolveError> {
    let name = selector.container_name.as_deref().unwrap_or_default();
    value(selector, path, &named(pod, name, path)?, Some((None, node)))
}

fn named<'a>(pod: &'a Pod, name: &str, path: &str) -> Result<ContainerSpec<'a>, ResolveError> {
    let found = container(pod, name).ok().filter(|container| container.kind != ContainerKind::Ephemeral);
    found.ok_or_else(|| ResolveError::invalid(format!("{path}.containerName"), format!("no container {name:?}")))
}

/// Limits of the pod, and what the node has.
type Defaults<'a> = Option<(Option<&'a Amounts>, &'a NodeFacts)>;

fn value(
    selector: &ResourceFieldSelector,
    path: &str,
    container: &ContainerSpec<'_>,
    defaults: Defaults<'_>,
) -> Result<String, ResolveError> {
    let unknown = || {
        let message = format!("{:?} is no resource that a container can refer to", selector.resource);
        ResolveError::invalid(format!("{path}.resource"), message)
    };
    let (kind, resource) = selector.resource.split_once('.').ok_or_else(unknown)?;
    if !OVERCOMMITTED.contains(&resource) && !resource.starts_with("hugepages-") {
        return Err(unknown());
    }
    let resources = container.resources;
    let own = match kind {
        "limits" => amount(
            resources.and_then(|all| all.limits.as_ref()),
            resource,
            &format!("{}.resources.limits", container.path),
        )?,
        "requests" => amount(
            resources.and_then(|all| all.requests.as_ref()),
            resource,
            &format!("{}.resources.requests", container.path),
        )?,
        _ => return Err(unknown()),
    };
    let amount = if kind == "limits" && own.is_zero() { default_limit(resource, defaults)? } else { own };
    let divisor = divisor(selector, path)?;
    let (amount, divisor) = match resource {
        "cpu" => (amount.milli_value(), divisor.milli_value()),
        _ => (amount.value(), divisor.value()),
    };
    Ok(divide_rounding_up(amount, divisor).to_string())
}

fn default_limit(resource: &str, defaults: Defaults<'_>) -> Result<Quantity, ResolveError> {
    let Some((pod_limits, node)) = defaults.filter(|_| OVERCOMMITTED.contains(&resource)) else {
        return Ok(Quantity::ZERO);
    };
    let of_node = amount(Some(&node.allocatable), resource, "status.allocatable").map_err(|error| {
        ResolveError::NodeUnknown { message: format!("the node's allocatable resources cannot be read: {error}") }
    })?;
    let of_pod = amount(pod_limits.filter(|_| resource != "ephemeral-storage"), resource, "spec.resources.limits")?;
    Ok(if of_pod.is_zero() || !node.allocatable.contains_key(resource) { of_node } else { of_pod })
}

fn divisor(selector: &ResourceFieldSelector, path: &str) -> Result<Quantity, ResolveError> {
    let one = Quantity::from_integer(1, Format::DecimalSi);
    let Some(divisor) = &selector.divisor else { return Ok(one) };
    let divisor = parse(divisor, &format!("{path}.divisor"))?;
    Ok(if divisor.is_zero() { one } else { divisor })
}

fn amount(amounts: Option<&Amounts>, resource: &str, path: &str) -> Result<Quantity, ResolveError> {
    match amounts.and_then(|amounts| amounts.get(resource)) {
        Some(amount) => parse(amount, &format!("{path}[{resource:?}]")),
        None => Ok(Quantity::ZERO),
    }
}

fn parse(quantity: &ApiQuantity, path: &str) -> Result<Quantity, ResolveError> {
    Quantity::try_from(quantity).map_err(|error| ResolveError::invalid(path, error.to_string()))
}

fn divide_rounding_up(amount: i64, divisor: i64) -> i64 {
    let divisor = divisor.max(1);
    let quotient = amount / divisor;
    if amount > 0 && amount % divisor != 0 { quotient + 1 } else { quotient }
}

//! What a container was given (KEP-1287), and what it asks for but does not get.
//!
//! The scheduler counts the larger of the spec's and the status' requests, and reads a `resources` that is present but empty
//! as zero: where nothing was asked for, both fields are left out.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::pod_view::{PodView, SpecContainer};

/// Condition of a pod whose containers were asked to be resized.
pub(super) const POD_RESIZE_PENDING: &str = "PodResizePending";

/// The resources that can be changed while a pod runs.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];

/// Records what the container was given when it first ran: the spec's figures then. They stay, since no back end resizes a
/// container.
pub(super) fn allocate(status: &mut ContainerStatus, container: &SpecContainer<'_>) {
    if status.resources.is_some() || status.allocated_resources.is_some() {
        return;
    }
    let Some(asked) = container.resources else { return };
    let resources = ResourceRequirements {
        claims: asked.claims.clone(),
        limits: asked.limits.clone().filter(|limits| !limits.is_empty()),
        requests: asked.requests.clone().filter(|requests| !requests.is_empty()),
    };
    status.allocated_resources.clone_from(&resources.requests);
    status.resources = (resources.limits.is_some() || resources.requests.is_some()).then_some(resources);
}

/// `PodResizePending`, if the spec asks for other figures than the containers were given.
pub(super) fn resize_pending(view: &PodView<'_>, statuses: &[&ContainerStatus]) -> Option<PodCondition> {
    let refused: Vec<&str> = view
        .containers
        .iter()
        .filter(|container| {
            let status = statuses.iter().find(|status| status.name == container.name);
            status.and_then(|status| status.resources.as_ref()).is_some_and(|given| differs(container, given))
        })
        .map(|container| container.name)
        .collect();
    (!refused.is_empty()).then(|| PodCondition {
        type_: POD_RESIZE_PENDING.to_owned(),
        status: "True".to_owned(),
        reason: Some("Infeasible".to_owned()),
        message: Some(format!("this node cannot resize running containers: [{}]", refused.join(" "))),
        ..PodCondition::default()
    })
}

fn differs(container: &SpecContainer<'_>, given: &ResourceRequirements) -> bool {
    let empty = ResourceRequirements::default();
    let asked = container.resources.unwrap_or(&empty);
    RESIZABLE.iter().any(|resource| {
        figure(&asked.requests, resource) != figure(&given.requests, resource)
            || figure(&asked.limits, resource) != figure(&given.limits, resource)
    })
}

/// The API server serves quantities in canonical form, so that equal figures are equal text.
fn figure<'a>(figures: &'a Option<BTreeMap<String, Quantity>>, resource: &str) -> Option<&'a str> {
    figures.as_ref()?.get(resource).map(|quantity| quantity.0.as_str())
}

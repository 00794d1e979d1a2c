//! What a container was given (KEP-1287), and what it asks for but does not get.
//!
//! The scheduler counts the larger of the spec's and the status' requests, and reads a `resources` that is present but empty
//! as zero: where nothing was asked for, both fields are left out.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, ResourceClaim, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::pod_view::{PodView, SpecContainer};
use crate::observation::GivenResources;
use crate::quantity;

/// Condition of a pod whose containers were asked to be resized.
pub(super) const POD_RESIZE_PENDING: &str = "PodResizePending";

const DEFERRED: &str = "Deferred";
const INFEASIBLE: &str = "Infeasible";

/// The resources that can be changed while a pod runs.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];

/// Records what the container has been given: what the back end says, or else the spec's figures when it first ran, which
/// stay.
pub(super) fn allocate(status: &mut ContainerStatus, container: &SpecContainer<'_>, given: Option<&GivenResources>) {
    if let Some(given) = given {
        let claims = container.resources.and_then(|asked| asked.claims.clone());
        return set(status, claims, quantities(&given.limits), quantities(&given.requests));
    }
    if status.resources.is_some() || status.allocated_resources.is_some() {
        return;
    }
    let Some(asked) = container.resources else { return };
    set(status, asked.claims.clone(), asked.limits.clone(), asked.requests.clone());
}

type Figures = Option<BTreeMap<String, Quantity>>;

fn set(status: &mut ContainerStatus, claims: Option<Vec<ResourceClaim>>, limits: Figures, requests: Figures) {
    let filled = |figures: Figures| figures.filter(|figures| !figures.is_empty());
    let resources = ResourceRequirements { claims, limits: filled(limits), requests: filled(requests) };
    status.allocated_resources.clone_from(&resources.requests);
    status.resources = (resources.limits.is_some() || resources.requests.is_some()).then_some(resources);
}

/// In the form in which the API server serves them. One that is none would make it refuse the whole status.
fn quantities(figures: &BTreeMap<String, String>) -> Figures {
    let canonical = |figure: &str| figure.parse::<quantity::Quantity>().ok().map(Quantity::from);
    Some(figures.iter().filter_map(|(name, figure)| Some((name.clone(), canonical(figure)?))).collect())
}

/// `PodResizePending`, if the spec asks for other figures than the containers were given. Its reason says whether that may
/// change.
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
        reason: Some(if is_deferred(view) { DEFERRED } else { INFEASIBLE }.to_owned()),
        message: Some(format!("these containers have not been resized: [{}]", refused.join(" "))),
        ..PodCondition::default()
    })
}

fn is_deferred(view: &PodView<'_>) -> bool {
    let known = view.api.conditions.iter().flatten().find(|condition| condition.type_ == POD_RESIZE_PENDING);
    let was_deferred = || known.is_some_and(|condition| condition.reason.as_deref() == Some(DEFERRED));
    view.input.resize_deferred.unwrap_or_else(was_deferred)
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

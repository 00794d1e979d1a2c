//! What a pod requests of its node.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde::{Deserialize, Serialize};

use crate::quantity::{Quantity, QuantityError};

/// Amounts by resource, as the API writes them.
pub(crate) type Amounts = BTreeMap<String, ApiQuantity>;

/// What a pod requests of its node in all, in the scheduler's units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requests {
    /// Thousandths of a processor.
    pub cpu_milli: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// Huge pages (bytes) and extended resources (whole units), by name.
    pub others: Box<[(String, i64)]>,
}

/// The parts of a pod's spec that its requests are computed from.
#[derive(Debug, Default)]
pub(crate) struct SpecRequests<'a> {
    /// Of `containers`.
    pub(crate) containers: Vec<&'a Amounts>,
    /// Of `initContainers`, in order, and whether they are sidecars.
    pub(crate) init_containers: Vec<(bool, &'a Amounts)>,
    /// `spec.resources.requests`.
    pub(crate) pod: Option<&'a Amounts>,
    /// `spec.overhead`.
    pub(crate) overhead: Option<&'a Amounts>,
}

type Exact<'a> = BTreeMap<&'a str, Quantity>;

impl Requests {
    /// The requests of a pod (KEP-753, KEP-2837): containers and sidecars together, or an init container with the sidecars
    /// before it, whichever is more; figures of the pod itself take their place; the overhead comes on top.
    pub(crate) fn of(spec: &SpecRequests<'_>) -> Result<Self, QuantityError> {
        let mut sum = Exact::new();
        for container in &spec.containers {
            add(&mut sum, container)?;
        }
        let (mut sidecars, mut peak) = (Exact::new(), Exact::new());
        for (is_sidecar, container) in &spec.init_containers {
            if *is_sidecar {
                add(&mut sum, container)?;
                add(&mut sidecars, container)?;
                raise(&mut peak, &sidecars);
            } else {
                let mut meanwhile = sidecars.clone();
                add(&mut meanwhile, container)?;
                raise(&mut peak, &meanwhile);
            }
        }
        raise(&mut sum, &peak);
        for (name, amount) in spec.pod.into_iter().flatten().filter(|(name, _)| may_be_requested_by_the_pod(name)) {
            sum.insert(name, Quantity::try_from(amount)?);
        }
        if let Some(overhead) = spec.overhead {
            add(&mut sum, overhead)?;
        }
        Ok(Self::in_units(&sum))
    }

    fn in_units(exact: &Exact<'_>) -> Self {
        let mut requests = Self::default();
        let mut others = Vec::new();
        for (name, amount) in exact {
            match *name {
                "cpu" => requests.cpu_milli = amount.milli_value(),
                "memory" => requests.memory = amount.value(),
                "ephemeral-storage" => requests.ephemeral_storage = amount.value(),
                other if amount.is_zero() || other == "storage" => {}
                other => others.push((other.to_owned(), amount.value())),
            }
        }
        requests.others = others.into_boxed_slice();
        requests
    }

    /// Each resource that is asked for, with its amount: cpu, memory and storage first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        let named = [("cpu", self.cpu_milli), ("memory", self.memory), ("ephemeral-storage", self.ephemeral_storage)];
        let others = self.others.iter().map(|(name, amount)| (name.as_str(), *amount));
        named.into_iter().chain(others).filter(|(_, amount)| *amount > 0)
    }
}

/// The amount in the unit that requests of this resource are counted in.
pub(super) fn in_unit_of(resource: &str, amount: Quantity) -> i64 {
    if resource == "cpu" { amount.milli_value() } else { amount.value() }
}

fn may_be_requested_by_the_pod(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory") || resource.starts_with("hugepages-")
}

fn add<'a>(sum: &mut Exact<'a>, amounts: &'a Amounts) -> Result<(), QuantityError> {
    for (name, amount) in amounts {
        *sum.entry(name).or_default() += Quantity::try_from(amount)?;
    }
    Ok(())
}

fn raise<'a>(peak: &mut Exact<'a>, amounts: &Exact<'a>) {
    for (name, amount) in amounts {
        let known = peak.entry(name).or_default();
        *known = (*known).max(*amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(pairs: &[(&str, &str)]) -> Amounts {
        pairs.iter().map(|(name, amount)| ((*name).to_owned(), ApiQuantity((*amount).to_owned()))).collect()
    }

    fn cpu(text: &str) -> Amounts {
        amounts(&[("cpu", text)])
    }

    #[test]
    fn containers_and_overhead_are_summed_in_the_schedulers_units() {
        let one = amounts(&[("cpu", "100m"), ("memory", "64Mi"), ("example.com/gpu", "1")]);
        let other = amounts(&[("cpu", "0.0005"), ("ephemeral-storage", "1G"), ("hugepages-2Mi", "4Mi")]);
        let overhead = amounts(&[("cpu", "10m")]);
        let spec =
            SpecRequests { containers: vec![&one, &other], overhead: Some(&overhead), ..SpecRequests::default() };
        let requests = Requests::of(&spec).unwrap();
        assert_eq!((requests.cpu_milli, requests.memory), (111, 64 << 20));
        assert_eq!(requests.ephemeral_storage, 1_000_000_000);
        assert_eq!(*requests.others, [("example.com/gpu".to_owned(), 1), ("hugepages-2Mi".to_owned(), 4 << 20)]);
    }

    /// KEP-753: an init container runs beside the sidecars that come before it, not those after it.
    #[test]
    fn kep_753_init_containers_count_with_the_sidecars_before_them() {
        let (app, early, setup, late) = (cpu("1"), cpu("300m"), cpu("2"), cpu("200m"));
        let mut spec = SpecRequests {
            containers: vec![&app],
            init_containers: vec![(true, &early), (false, &setup), (true, &late)],
            ..SpecRequests::default()
        };
        assert_eq!(Requests::of(&spec).unwrap().cpu_milli, 2300);
        let small = cpu("100m");
        spec.init_containers[1] = (false, &small);
        assert_eq!(Requests::of(&spec).unwrap().cpu_milli, 1500);
    }

    /// KEP-2837: figures of the pod take the place of the sum, for those resources that may have them.
    #[test]
    fn kep_2837_requests_of_the_pod_itself_take_the_place_of_the_sum() {
        let app = amounts(&[("cpu", "1"), ("memory", "1Gi")]);
        let pod = amounts(&[("cpu", "3"), ("ephemeral-storage", "1Gi")]);
        let overhead = cpu("1");
        let spec = SpecRequests {
            containers: vec![&app],
            pod: Some(&pod),
            overhead: Some(&overhead),
            ..SpecRequests::default()
        };
        let requests = Requests::of(&spec).unwrap();
        assert_eq!((requests.cpu_milli, requests.memory, requests.ephemeral_storage), (4000, 1 << 30, 0));
    }

    #[test]
    fn what_is_no_quantity_is_an_error() {
        let odd = cpu("much");
        let spec = SpecRequests { containers: vec![&odd], ..SpecRequests::default() };
        assert!(Requests::of(&spec).is_err());
    }
}

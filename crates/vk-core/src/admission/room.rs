//! [`Room`]: what the pods of a node take up of it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use super::Rejection;
use super::requests::{Requests, in_unit_of};
use crate::identity::PodUid;
use crate::quantity::Quantity;

/// Which pods take up room on a node, and how much of each resource they take in all.
#[derive(Debug, Clone, Default)]
pub struct Room {
    pods: BTreeMap<PodUid, Requests>,
    /// Sums of what cannot overflow: each summand has 63 bits.
    used: BTreeMap<String, i128>,
}

impl Room {
    /// Takes the pod in, or changes what it takes up. For pods that are there already: nobody is asked.
    pub fn occupy(&mut self, uid: &PodUid, requests: &Requests) {
        if self.pods.get(uid) == Some(requests) {
            return;
        }
        self.release(uid);
        for (name, amount) in requests.iter() {
            match self.used.get_mut(name) {
                Some(sum) => *sum += i128::from(amount),
                None => drop(self.used.insert(name.to_owned(), i128::from(amount))),
            }
        }
        self.pods.insert(uid.clone(), requests.clone());
    }

    /// The pod takes up nothing any more.
    pub fn release(&mut self, uid: &PodUid) {
        let Some(requests) = self.pods.remove(uid) else { return };
        for (name, amount) in requests.iter() {
            if let Some(sum) = self.used.get_mut(name) {
                *sum -= i128::from(amount);
            }
        }
    }

    /// Takes the pod in if what is `allocatable` on the node has room for it. A pod that was taken in before stays so.
    ///
    /// Resources that `allocatable` does not name are not counted; `pods` counts pods.
    ///
    /// # Errors
    /// The first resource that is short, in the kubelet's order.
    pub fn admit(
        &mut self,
        uid: &PodUid,
        requests: &Requests,
        allocatable: &BTreeMap<String, ApiQuantity>,
    ) -> Result<(), Rejection> {
        if !self.pods.contains_key(uid) {
            let pods = ("pods", 1, i128::try_from(self.pods.len()).unwrap_or(i128::MAX));
            let used = |name: &str| self.used.get(name).copied().unwrap_or_default();
            let resources = requests.iter().map(|(name, amount)| (name, amount, used(name)));
            for (name, requested, used) in std::iter::once(pods).chain(resources) {
                let Some(capacity) = figure(allocatable, name) else { continue };
                if i128::from(requested) > i128::from(capacity) - used {
                    return Err(out_of(name, requested, used, capacity));
                }
            }
        }
        self.occupy(uid, requests);
        Ok(())
    }
}

fn figure(allocatable: &BTreeMap<String, ApiQuantity>, resource: &str) -> Option<i64> {
    Quantity::try_from(allocatable.get(resource)?).ok().map(|amount| in_unit_of(resource, amount))
}

fn out_of(resource: &str, requested: i64, used: i128, capacity: i64) -> Rejection {
    Rejection {
        reason: format!("OutOf{resource}"),
        message: format!(
            "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocatable() -> BTreeMap<String, ApiQuantity> {
        let figures =
            [("cpu", "2"), ("memory", "1Gi"), ("ephemeral-storage", "1Gi"), ("pods", "3"), ("example.com/gpu", "1")];
        figures.into_iter().map(|(name, amount)| (name.to_owned(), ApiQuantity(amount.to_owned()))).collect()
    }

    fn uid(name: &str) -> PodUid {
        PodUid::from(name)
    }

    fn cpu(cpu_milli: i64) -> Requests {
        Requests { cpu_milli, ..Requests::default() }
    }

    fn reason(refused: Result<(), Rejection>) -> String {
        refused.unwrap_err().reason
    }

    #[test]
    fn a_pod_is_refused_in_the_kubelets_words() {
        let mut room = Room::default();
        room.admit(&uid("a"), &cpu(1500), &allocatable()).unwrap();
        let refused = room.admit(&uid("b"), &cpu(501), &allocatable()).unwrap_err();
        assert_eq!(refused.reason, "OutOfcpu");
        assert_eq!(
            refused.message,
            "Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000"
        );
        room.admit(&uid("c"), &cpu(500), &allocatable()).unwrap();
    }

    #[test]
    fn each_resource_has_its_reason_and_the_number_of_pods_comes_first() {
        let mut room = Room::default();
        let memory = Requests { memory: 2 << 30, ..Requests::default() };
        assert_eq!(reason(room.admit(&uid("m"), &memory, &allocatable())), "OutOfmemory");
        let storage = Requests { ephemeral_storage: 2 << 30, ..Requests::default() };
        assert_eq!(reason(room.admit(&uid("s"), &storage, &allocatable())), "OutOfephemeral-storage");
        let gpu = Requests { others: [("example.com/gpu".to_owned(), 2)].into(), ..Requests::default() };
        assert_eq!(reason(room.admit(&uid("g"), &gpu, &allocatable())), "OutOfexample.com/gpu");
        for name in ["a", "b", "c"] {
            room.admit(&uid(name), &cpu(0), &allocatable()).unwrap();
        }
        assert_eq!(reason(room.admit(&uid("d"), &cpu(9000), &allocatable())), "OutOfpods");
    }

    #[test]
    fn what_is_released_is_free_again_and_who_is_in_stays_in() {
        let mut room = Room::default();
        room.admit(&uid("a"), &cpu(2000), &allocatable()).unwrap();
        room.admit(&uid("a"), &cpu(9000), &allocatable()).unwrap();
        assert!(room.admit(&uid("b"), &cpu(1), &allocatable()).is_err());
        room.release(&uid("a"));
        room.release(&uid("a"));
        room.admit(&uid("b"), &cpu(2000), &allocatable()).unwrap();
    }

    /// After a restart there may be more than the node has now: what runs is counted, and never refused.
    #[test]
    fn what_runs_already_takes_room_whether_it_fits_or_not() {
        let mut room = Room::default();
        room.occupy(&uid("a"), &cpu(5000));
        room.occupy(&uid("a"), &cpu(3000));
        let refused = room.admit(&uid("b"), &cpu(1), &allocatable()).unwrap_err();
        assert!(refused.message.ends_with("used: 3000, capacity: 2000"), "{refused}");
        room.admit(&uid("none"), &cpu(0), &allocatable()).unwrap();
    }

    #[test]
    fn what_the_provider_names_no_figure_for_is_not_counted() {
        let mut room = Room::default();
        let much = Requests {
            cpu_milli: i64::MAX,
            others: [("example.com/unknown".to_owned(), 7)].into(),
            ..Requests::default()
        };
        room.admit(&uid("a"), &much, &BTreeMap::new()).unwrap();
        room.admit(&uid("b"), &much, &BTreeMap::new()).unwrap();
        assert!(room.admit(&uid("c"), &cpu(1), &allocatable()).is_err());
    }
}

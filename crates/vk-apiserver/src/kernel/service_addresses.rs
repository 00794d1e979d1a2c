//! Cluster IPs of Services, from `10.96.0.0/12` as kubeadm has it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::Kernel;
use crate::object::Object;
use crate::resource::Resource;

const FIRST: u32 = u32::from_be_bytes([10, 96, 0, 1]);
const LAST: u32 = u32::from_be_bytes([10, 111, 255, 254]);

impl Kernel {
    /// Gives a new Service the lowest free address, unless it asks for one or for none.
    pub(super) fn assign_cluster_ip(&self, resource: &Resource, service: &mut Object) {
        if resource.plural != "services" || service.text("/spec/type") == "ExternalName" {
            return;
        }
        let address = match service.text("/spec/clusterIP") {
            "" => self.free_address().map(|address| address.to_string()),
            given => Some(given.to_owned()),
        };
        if let Some(address) = address {
            service.set("/spec/clusterIP", address.clone());
            service.set("/spec/clusterIPs", json!([address]));
            let (families, policy) = families_of(service);
            service.set_default("/spec/ipFamilies", families);
            service.set_default("/spec/ipFamilyPolicy", policy);
        }
    }

    fn free_address(&self) -> Option<Ipv4Addr> {
        let taken: BTreeSet<&str> =
            self.storage.collection("services").objects(None).map(|service| service.text("/spec/clusterIP")).collect();
        (FIRST..=LAST).map(Ipv4Addr::from).find(|address| !taken.contains(address.to_string().as_str()))
    }
}

/// A headless Service without a selector may have endpoints of both families.
fn families_of(service: &Object) -> (Value, &'static str) {
    if service.text("/spec/clusterIP") == "None" && service.strings("/spec/selector").is_empty() {
        (json!(["IPv4", "IPv6"]), "RequireDualStack")
    } else {
        (json!(["IPv4"]), "SingleStack")
    }
}

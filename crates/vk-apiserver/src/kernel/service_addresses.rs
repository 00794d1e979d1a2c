//! Cluster IPs of Services, from `10.96.0.0/12` as kubeadm has it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::json;

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
            service.set_default("/spec/ipFamilies", json!(["IPv4"]));
            service.set_default("/spec/ipFamilyPolicy", "SingleStack");
        }
    }

    fn free_address(&self) -> Option<Ipv4Addr> {
        let taken: BTreeSet<&str> =
            self.storage.collection("services").objects(None).map(|service| service.text("/spec/clusterIP")).collect();
        (FIRST..=LAST).map(Ipv4Addr::from).find(|address| !taken.contains(address.to_string().as_str()))
    }
}
